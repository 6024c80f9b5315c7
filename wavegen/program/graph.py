"""The graph of one step of one voice: arrays, views of them, and operations in order.

Until memory is planned every value is written once, but for what an operation changes in place,
which is a copy made for that purpose. Shapes still have the batch of 1 that was exported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Type = Literal["f32", "i64"]
Space = Literal["const", "state", "scratch", "input"]

WRITTEN = {"scatter_rows": "table", "scatter": "table", "delay_write": "rings", "overwrite": "out"}
"""Operations that change a part of what they write, and the operand's name; all others write all
of `out`. An `overwrite` is a `copy` of that kind."""


@dataclass(eq=False)
class Value:
    """A dense, row-major array: a constant, an input, a part of the state, or something made."""

    shape: tuple[int, ...]
    type: Type
    space: Space = "scratch"
    name: str = ""
    data: npt.NDArray[Any] | None = None
    """What a constant holds."""

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class View:
    """A strided part of a value; offset and strides count elements."""

    base: Value
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, value: Value) -> View:
        """All of a value."""
        return cls(value, 0, value.shape, dense_strides(value.shape))

    @property
    def type(self) -> Type:
        """Of its elements."""
        return self.base.type

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def is_dense(self) -> bool:
        """Whether its elements lie one after the other, in order."""
        return coalesced(self.shape, self.strides) in ([], [(self.size, 1)])

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its value, in order."""
        return self.size == self.base.size and self.offset == 0 and self.is_dense

    def vector(self, first: int = 0, size: int | None = None) -> View:
        """`size` elements from number `first` of a dense view, without its shape."""
        size = self.size - first if size is None else size
        return View(self.base, self.offset + first, (size,), (1,))

    def extent(self) -> tuple[int, int]:
        """First element of the base that it touches, and the one after the last."""
        last = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        return self.offset, self.offset + last + 1 if self.size else self.offset


@dataclass(eq=False)
class Op:
    """One operation of FORMAT.md; operands are views, `fields` is the rest."""

    name: str
    writes: View
    reads: dict[str, View] = field(default_factory=dict[str, View])
    add: list[View] = field(default_factory=list[View])
    """Of a product."""
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    matrix: npt.NDArray[np.float32] | None = None
    """`(N, K)` of a product."""
    turns: tuple[View, ...] = ()
    """Truth values `()`, outermost first: where one of them is 0, the operation is left out."""

    def inputs(self) -> list[View]:
        """All views it reads; what it changes in place is not among them."""
        return [*self.reads.values(), *self.add, *self.turns]

    @property
    def is_in_place(self) -> bool:
        """Whether it changes a part of what it writes, and leaves the rest."""
        return self.name in WRITTEN


@dataclass
class Graph:
    """A step: operations in order, and where its results lie."""

    ops: list[Op]
    inputs: dict[str, Value]
    """`event`, `cond`, `noise` and the controls, as far as the step takes them in."""
    state: dict[str, Value]
    """Leaves by name, as the step finds them."""
    after: dict[str, View]
    """Leaves by name, as the step leaves them."""
    params: View
    event: View | None

    def results(self) -> list[View]:
        """All that leaves the step."""
        drawn = [] if self.event is None else [self.event]
        return [*self.after.values(), self.params, *drawn]

    def replace(self, change: Callable[[View], View]) -> None:
        """Let other views be what leaves the step."""
        self.after = {name: change(view) for name, view in self.after.items()}
        self.params = change(self.params)
        self.event = None if self.event is None else change(self.event)


def dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def coalesced(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[tuple[int, int]]:
    """Sizes and strides without dimensions of 1, neighbours joined where they follow each other."""
    joined: list[tuple[int, int]] = []
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if joined and joined[-1][1] == size * stride:
            joined[-1] = (joined[-1][0] * size, stride)
        else:
            joined.append((size, stride))
    return joined

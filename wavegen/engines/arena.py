"""A model's decoding state as the one block of memory that a program works on, and back.

Dimensions: S bytes of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .. import state as trees
from ..native.library import aligned

Tree = TypeVar("Tree")

_TYPES = {"f32": torch.float32, "i64": torch.int64}


class StateLayout:
    """Where each leaf of a state lies in a block of S bytes, as the header of a program says."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self.n_bytes: int = header["state_bytes"]
        self._places: list[tuple[str, torch.dtype, tuple[int, ...], slice]] = []
        for entry in header["state"]:
            kind, shape, start = _TYPES[entry["type"]], tuple(entry["shape"]), entry["offset"]
            place = slice(start, start + prod(shape) * kind.itemsize)
            self._places.append((entry["name"], kind, shape, place))

    def pack(self, state: Any) -> npt.NDArray[np.uint8]:
        """The leaves of one voice, copied into fresh memory `(S)`."""
        arena = aligned(self.n_bytes)
        given = trees.leaves(state)
        for name, mine in self._views(arena).items():
            mine.copy_(given[name])
        return arena

    def unpack(self, arena: npt.NDArray[np.uint8], like: Tree) -> Tree:
        """The state in `arena` `(S)`, in the structure of `like`; its leaves are views of it."""
        views = self._views(arena)
        names = iter(trees.leaves(like))
        return trees.tree_map(lambda _: views[next(names)], like)

    def _views(self, arena: npt.NDArray[np.uint8]) -> dict[str, Tensor]:
        """The leaves `(1, ...)` that lie in `arena`, by name."""
        memory = torch.from_numpy(arena)
        return {
            name: memory[place].view(kind).view(1, *shape)
            for name, kind, shape, place in self._places
        }

"""Predicates of a step: when two truth values are the same, and when one of them implies another.

A slow clock is `clock % period == phase`, and a turn of the slower one is a turn of the faster one
where their periods and phases fit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from .graph import WRITTEN, Op, Value, View

_FOLLOWED = ("unary", "binary", "copy")
"""Operations that give each element from the same elements of their operands."""


@dataclass(frozen=True)
class Predicate:
    """A truth value of each voice; those that are known to be equal are one."""

    meaning: Hashable
    cycle: tuple[int, int, int] | None
    """Of `x % period == phase`: the number of x, the period and the phase."""

    @property
    def is_always(self) -> bool:
        """Whether it is known to be true."""
        return self.cycle is not None and self.cycle[1] == 1

    def implies(self, other: Predicate) -> bool:
        """Whether `other` is known to be true wherever this one is."""
        if self == other or other.is_always:
            return True
        if self.cycle is None or other.cycle is None:
            return False
        (x, period, phase), (y, shorter, there) = self.cycle, other.cycle
        return x == y and period % shorter == 0 and phase % shorter == there


class Predicates:
    """Numbers the integers of a step, so that what is computed twice has one number."""

    def __init__(self, ops: Sequence[Op]) -> None:
        self._writers: dict[Value, Op | None] = {}
        for op in ops:
            value = op.writes.base
            is_only = value not in self._writers and op.writes.is_whole
            self._writers[value] = op if is_only and op.name in _FOLLOWED else None
        self._changed = {op.writes.base for op in ops if op.name in WRITTEN}
        self._numbers: dict[Hashable, int] = {}
        self._constants: dict[int, int] = {}

    def of(self, view: View) -> Predicate | None:
        """The predicate of a view of one element; None where it cannot be followed."""
        if view.base in self._changed or view.base.data is not None:
            return None
        made = self._made(view.base, view.offset)
        cycle = None if made is None else self._cycle(*made)
        meaning = self._number(view.base, view.offset) if cycle is None else cycle
        return Predicate(meaning, cycle)

    def _cycle(self, op: Op, operands: list[tuple[Value, int]]) -> tuple[int, int, int] | None:
        if op.name != "binary" or op.fields["fn"] != "eq":
            return None
        for (value, offset), other in (operands, operands[::-1]):
            phase, made = self._constant(*other), self._made(value, offset)
            if phase is None or made is None or made[0].fields.get("fn") != "mod":
                continue
            (x, x_offset), modulus = made[1]
            period = self._constant(*modulus)
            if period is not None and 0 <= phase < period:
                return self._number(x, x_offset), period, phase
        return None

    def _number(self, value: Value, offset: int) -> int:
        constant, made = self._constant(value, offset), self._made(value, offset)
        if constant is not None:
            key: Hashable = ("constant", constant)
        elif made is None:
            key = ("found", value, offset)
        else:
            op, operands = made
            key = (op.name, op.fields.get("fn"), *(self._number(*place) for place in operands))
        return self._numbers.setdefault(key, len(self._numbers))

    def _made(self, value: Value, offset: int) -> tuple[Op, list[tuple[Value, int]]] | None:
        """What gave an integer, and the elements of its operands that it was given from."""
        op = self._writers.get(value)
        if value.type != "i64" or op is None:
            return None
        index, rest = list[int](), offset
        for stride in op.writes.strides:
            index.append(rest // stride)
            rest %= stride
        operands = list[tuple[Value, int]]()
        for view in op.reads.values():
            if view.type != "i64" or view.base in self._changed:
                return None
            steps = zip(index, view.strides, strict=True)
            operands.append((view.base, view.offset + sum(i * s for i, s in steps)))
        return op, operands

    @staticmethod
    def _constant(value: Value, offset: int) -> int | None:
        if value.data is None or value.type != "i64":
            return None
        return int(value.data.reshape(-1)[offset])

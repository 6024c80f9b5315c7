"""An order of operations in which those of the same turns follow each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from .graph import Op, Value, View


def in_turns(ops: Sequence[Op]) -> list[Op]:
    """All that stands outside of a turn comes first, as far as it does not wait for one.

    A truth value may be made by a later operation than those whose turn it tells.
    """
    order = _Order(ops)
    done = list(order.inside(()))
    assert len(done) == len(ops), "a turn depends on itself"
    return done


class _Order:
    def __init__(self, ops: Sequence[Op]) -> None:
        self._left = list(ops)
        self._waits = _dependences(ops)

    def inside(self, turns: tuple[View, ...]) -> Iterator[Op]:
        """What can be done inside of these turns, in order."""
        while True:
            # Writes over what was there come last: what was there may still be read.
            ready = self._ready(turns, last=False) or self._ready(turns, last=True)
            if ready is not None:
                self._do(ready)
                yield ready
                continue
            deeper = self._deeper(turns)
            if deeper is None:
                return
            yield from self.inside(deeper)

    def _ready(self, turns: tuple[View, ...], *, last: bool) -> Op | None:
        return next(
            (
                op
                for op in self._left
                if op.turns == turns and op.is_in_place == last and not self._waits[op]
            ),
            None,
        )

    def _deeper(self, turns: tuple[View, ...]) -> tuple[View, ...] | None:
        """The next of the turns inside of these in which something can be done."""
        depth = len(turns)
        for op in self._left:
            if len(op.turns) > depth and op.turns[:depth] == turns and not self._waits[op]:
                return op.turns[: depth + 1]
        return None

    def _do(self, op: Op) -> None:
        self._left.remove(op)
        for waiting in self._waits.values():
            waiting.discard(op)


def _dependences(ops: Sequence[Op]) -> dict[Op, set[Op]]:
    """For each operation those that must come before it."""
    waits = {op: set[Op]() for op in ops}
    written: defaultdict[Value, list[tuple[Op, View]]] = defaultdict(list)
    read: defaultdict[Value, list[tuple[Op, View]]] = defaultdict(list)
    for op in ops:
        views = (*op.reads.values(), *op.add)
        before = [other for view in views for other in _meeting(view, written)]
        before += [*_meeting(op.writes, written), *_meeting(op.writes, read)]
        waits[op].update(other for other in before if other is not op)
        written[op.writes.base].append((op, op.writes))
        for view in views:
            read[view.base].append((op, view))
    for op in ops:
        for view in op.turns:
            waits[op].update(other for other, _ in written[view.base] if other is not op)
    return waits


def _meeting(view: View, entries: defaultdict[Value, list[tuple[Op, View]]]) -> Iterator[Op]:
    """The operations whose views share elements with a view, as far as can be told."""
    first, last = view.extent()
    for op, other in entries[view.base]:
        a, b = other.extent()
        if a < last and first < b:
            yield op

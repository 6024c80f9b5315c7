"""Placement: where every value of a step lies, so that few copies are left.

A part of a concatenation is made where it belongs. What the step leaves in the state is made there
at once, if nobody still reads what was there before. The rest shares scratch memory by lifetime.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .graph import Graph, Op, Value, View

ALIGNMENT = 64
BYTES = {"f32": 4, "i64": 8}
_IN_ORDER = ("unary", "binary", "where", "convert", "copy")
"""Operations that may write what they read; where a copy would, it is left out."""


@dataclass
class Layout:
    """Operations that are left, and a byte offset for every value that is not inside another."""

    ops: list[Op]
    homes: dict[Value, tuple[Value, int]]
    """Value: the value it lies in, and at which element."""
    offsets: dict[Value, int]
    """Bytes from the beginning of the space."""
    state_bytes: int
    scratch_bytes: int

    def resolved(self, view: View) -> View:
        """The same elements as a view of a value that has an offset."""
        return _resolved(self.homes, view)


def place(graph: Graph) -> Layout:
    """Plan the memory of a graph."""
    ops = [*graph.ops, *_results(graph), *_leavings(graph)]
    placer = _Placer(ops, graph)
    for op in ops:
        if op.name in ("copy", "overwrite"):
            placer.join(op)
    left = [op for op in ops if not placer.is_idle(op)]
    offsets = dict[Value, int]()
    scratch = _line_up(graph.inputs.values(), offsets)
    state = _line_up(graph.state.values(), offsets)
    scratch += _share(left, placer.homes, graph, offsets, scratch)
    return Layout(left, placer.homes, offsets, state, scratch)


def _results(graph: Graph) -> Iterator[Op]:
    """Copies of results that are parts of the state as it was: it is about to change."""
    if graph.params.base.space != "scratch":
        graph.params, copy = _copied(graph.params)
        yield copy
    if graph.event is not None and graph.event.base.space != "scratch":
        graph.event, copy = _copied(graph.event)
        yield copy


def _leavings(graph: Graph) -> Iterator[Op]:
    """Copies of what the step leaves into the state."""
    early, late = list[Op](), list[Op]()
    for name, leaf in graph.state.items():
        view = graph.after[name]
        if view == View.of(leaf):
            continue
        if view.base.space == "state":  # leaves that change places must not meet on the way
            view, copy = _copied(view)
            early.append(copy)
        late.append(Op("copy", View.of(leaf), {"x": view}))
    return iter([*early, *late])


def _copied(view: View) -> tuple[View, Op]:
    held = View.of(Value(view.shape, view.type))
    return held, Op("copy", held, {"x": view})


class _Placer:
    """Decides which copies can go, by letting source and target be one place."""

    def __init__(self, ops: list[Op], graph: Graph) -> None:
        self._ops = ops
        self._position = {op: i for i, op in enumerate(ops)}
        self._kept = {v.base for v in (graph.params, graph.event) if v is not None}
        self.homes: dict[Value, tuple[Value, int]] = {}

    def is_idle(self, op: Op) -> bool:
        """Whether a copy's source lies where it goes."""
        if op.name not in ("copy", "overwrite"):
            return False
        source, target = self._resolved(op.reads["x"]), self._resolved(op.writes)
        return _same_place(source, target)

    def join(self, copy: Op) -> None:
        """Make the source in its target, or change the source in place of a copy of it."""
        source, target = copy.reads["x"], copy.writes
        if self._can_make_there(copy, source, target):
            self._put(source.base, target)
        elif copy.name == "copy" and self._can_take_over(copy, source, target):
            self._put(target.base, source)

    def _can_make_there(self, copy: Op, source: View, target: View) -> bool:
        """Whether nothing of the target's place is needed or written while the source lives."""
        value, place = source.base, self._resolved(target)
        is_free = value.space == "scratch" and value not in self.homes
        if not (is_free and source.is_whole and target.is_dense) or place.base is value:
            return False
        born = [op for op in self._ops if self._resolved(op.writes).base is value]
        if not born:
            return False
        # The state is there when the step begins: it must not change in vain, nor too early.
        is_early = any(
            op.turns != copy.turns or self._is_read_after(op, copy, place) for op in born
        )
        if place.base.space == "state" and is_early:
            return False
        first = min(self._position[op] for op in born)
        return not self._is_written_meanwhile(copy, value, place, first)

    def _is_written_meanwhile(self, copy: Op, value: Value, place: View, first: int) -> bool:
        """Whether an operation other than `copy` writes there while `value` would lie there."""
        now = self._position[copy]
        last = len(self._ops) if value in self._kept else max(self._reads_of(value), default=now)
        # What lay in the state before the value was made may well be written: it is read no more.
        begin = first if place.base.space == "state" else 0
        return any(
            (i < now or last > now) and self._touches(op.writes, place)
            for op, i in self._position.items()
            if op is not copy and i >= begin
        )

    def _is_read_after(self, maker: Op, copy: Op, place: View) -> bool:
        """Whether what lay in the state is read once `maker` writes its part of it there."""
        made, now = self._resolved(maker.writes), self._position[copy]
        part = View(place.base, place.offset + made.offset, made.shape, made.strides)
        for i, op in enumerate(self._ops[self._position[maker] :], start=self._position[maker]):
            for view in op.inputs():
                # From the copy on, it is there whatever `maker` did, but under its own name.
                is_old = i < now or view.base is place.base
                if op is copy or not is_old or not self._touches(view, part):
                    continue
                # An elementwise operation reads each element before it writes the same one.
                is_safe = op is maker and op.name in _IN_ORDER and self._is_at(view, part)
                if not is_safe:
                    return True
        return False

    def _is_at(self, view: View, part: View) -> bool:
        return _same_place(self._resolved(view), part)

    def _can_take_over(self, copy: Op, source: View, target: View) -> bool:
        """Whether nobody needs the source as it was, so that its copy can be the source itself."""
        value = target.base
        is_free = value.space == "scratch" and value not in self.homes
        if not (is_free and target.is_whole and source.is_whole and not self._holds(value)):
            return False
        if source.base.space not in ("scratch", "state") or source.base in self._kept:
            return False
        now = self._position[copy]
        if source.base.space == "state" and not any(
            op.name == "copy" and op.writes.base is source.base and op.reads["x"].base is value
            for op in self._ops[now:]
        ):
            return False  # the state itself must stay as it is
        place, changed = self._resolved(source), list[View]()
        for op in self._ops[now + 1 :]:
            if op.writes.base is source.base and op.reads.get("x", source).base is value:
                continue  # the copy back, which becomes idle
            if op.writes.base is value:
                part = op.writes
                first = place.offset + part.offset
                changed.append(View(place.base, first, part.shape, part.strides))
            if self._touches(op.writes, place):
                return False
            if any(self._touches(view, part) for view in op.inputs() for part in changed):
                return False
        return True

    def _holds(self, value: Value) -> bool:
        """Whether another value was placed in it."""
        return any(parent is value for parent, _ in self.homes.values())

    def _reads_of(self, value: Value) -> Iterator[int]:
        for op, i in self._position.items():
            if any(view.base is value for view in op.inputs()):
                yield i

    def _touches(self, view: View, place: View) -> bool:
        found = self._resolved(view)
        (a0, a1), (b0, b1) = found.extent(), place.extent()
        return found.base is place.base and a0 < b1 and b0 < a1

    def _put(self, value: Value, place: View) -> None:
        self.homes[value] = (place.base, place.offset)

    def _resolved(self, view: View) -> View:
        return _resolved(self.homes, view)


def _resolved(homes: dict[Value, tuple[Value, int]], view: View) -> View:
    base, offset = view.base, view.offset
    while base in homes:
        base, more = homes[base]
        offset += more
    return View(base, offset, view.shape, view.strides)


def _same_place(a: View, b: View) -> bool:
    return (a.base, a.offset, a.size) == (b.base, b.offset, b.size) and a.is_dense and b.is_dense


def _aligned(n: int) -> int:
    return -(-n // ALIGNMENT) * ALIGNMENT


def _line_up(values: Iterable[Value], offsets: dict[Value, int]) -> int:
    """One after the other; returns the bytes they take."""
    end = 0
    for value in values:
        offsets[value] = end
        end += _aligned(value.size * BYTES[value.type])
    return end


def _share(
    ops: list[Op],
    homes: dict[Value, tuple[Value, int]],
    graph: Graph,
    offsets: dict[Value, int],
    start: int,
) -> int:
    """Give scratch values offsets from `start`; two that live at once do not overlap."""
    life = dict[Value, tuple[int, int]]()

    def use(view: View, i: int) -> None:
        base = _resolved(homes, view).base
        if base.space == "scratch":
            first, last = life.get(base, (i, i))
            life[base] = (min(first, i), max(last, i))

    for i, op in enumerate(ops):
        for view in (*op.inputs(), op.writes):
            use(view, i)
    for view in (graph.params, graph.event):
        if view is not None:
            use(view, len(ops))
    placed = list[tuple[int, int, Value]]()
    for value in sorted(life, key=lambda v: (-v.size * BYTES[v.type], life[v])):
        size = _aligned(value.size * BYTES[value.type])
        at = start
        for begin, end, other in sorted(placed, key=lambda p: p[0]):
            together = life[value][0] <= life[other][1] and life[other][0] <= life[value][1]
            if together and at < end and begin < at + size:
                at = end
        offsets[value] = at
        placed.append((at, at + size, value))
    return max((end for _, end, _ in placed), default=start) - start

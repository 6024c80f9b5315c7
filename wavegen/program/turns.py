"""Turns: what a step computes for a select alone is left out where the select takes its old side.

    out = where(turn, new, old)        out = copy of old;  unless turn skip {new;  out = new}

Every operation learns the predicates that are true whenever its result matters: those of all the
selects that its result passes through on their new side. Operations of the same turns are brought
together, so that each turn is asked for once or twice, and slower turns stand inside of faster
ones. Only a select with a product behind it is worth a turn.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .fusion import drop_unused
from .graph import Graph, Op, Value, View
from .order import in_turns
from .predicates import Predicate, Predicates

MOST = 64
"""Turns of a step, as many as the core lets stand in one another; and parts of a select."""
_HEAVY = ("product", "matmul")

Need = frozenset[Predicate]
"""Predicates that are true whenever a result is needed; where one is, so are those it implies."""


def take_turns(graph: Graph) -> None:
    """Mark the operations of a captured graph with their turns, and put them in order."""
    drop_unused(graph)
    selects = _selects(graph)
    while selects:
        needs = _needs(graph, selects)
        worth = {p for op in graph.ops if op.name in _HEAVY for p in needs[op]}
        lasting = {op: parts for op, parts in selects.items() if _are_worth(parts, worth)}
        if len(lasting) == len(selects):
            _rewrite(graph, selects, needs)
            return
        selects = lasting


@dataclass(frozen=True)
class _Part:
    """A part of a select that one truth value decides on."""

    predicate: Predicate
    truth: View
    """`()`."""
    new: View
    out: View


def _selects(graph: Graph) -> dict[Op, list[_Part]]:
    """The selects that truth values of a voice decide on, in the parts that one decides on."""
    predicates, found = Predicates(graph.ops), dict[Op, list[_Part]]()
    known = set[Predicate]()
    for op in graph.ops:
        parts = list(_parts(op, predicates)) if op.name == "where" and op.writes.is_whole else []
        fits = len(known | {p.predicate for p in parts}) <= MOST
        if parts and fits:
            found[op] = parts
            known.update(p.predicate for p in parts)
    return found


def _parts(op: Op, predicates: Predicates) -> Iterable[_Part]:
    cond = op.reads["cond"]
    varies = [
        range(size if stride else 1) for size, stride in zip(cond.shape, cond.strides, strict=True)
    ]
    if math.prod(map(len, varies)) > MOST:
        return []
    parts = list[_Part]()
    for index in itertools.product(*varies):
        truth = View(cond.base, _at(cond, index), (), ())
        predicate = predicates.of(truth)
        if predicate is None:
            return []
        new, out = (_part(view, cond, index) for view in (op.reads["a"], op.writes))
        parts.append(_Part(predicate, truth, new, out))
    return parts


def _part(view: View, cond: View, index: Sequence[int]) -> View:
    """The elements of a view that element `index` of `cond` decides on."""
    shape = tuple(1 if s else n for n, s in zip(cond.shape, cond.strides, strict=True))
    return View(view.base, _at(view, index), shape, view.strides)


def _at(view: View, index: Sequence[int]) -> int:
    return view.offset + sum(i * s for i, s in zip(index, view.strides, strict=True))


def _are_worth(parts: Sequence[_Part], worth: set[Predicate]) -> bool:
    return all(p.predicate in worth or p.predicate.is_always for p in parts)


class _Uses:
    """Who needs each value, and when."""

    def __init__(self, graph: Graph, selects: dict[Op, list[_Part]]) -> None:
        self._uses: defaultdict[Value, list[tuple[tuple[int, int], Need]]] = defaultdict(list)
        self._known = {p.predicate for parts in selects.values() for p in parts}
        for view in graph.results():
            self.add(view, frozenset())

    def add(self, view: View, need: Need) -> None:
        self._uses[view.base].append((view.extent(), need))

    def need(self, op: Op) -> Need:
        """What is true whenever a reader of what it writes is needed."""
        first, last = op.writes.extent()
        found = [need for (a, b), need in self._uses[op.writes.base] if a < last and first < b]
        return frozenset.intersection(*found) if found else frozenset()

    def on(self, need: Need, predicate: Predicate) -> Need:
        """`need`, and the predicate with all that it implies."""
        implied = {p for p in self._known if predicate.implies(p) and not p.is_always}
        return need | implied


def _needs(graph: Graph, selects: dict[Op, list[_Part]]) -> dict[Op, Need]:
    uses, needs = _Uses(graph, selects), dict[Op, Need]()
    for op in reversed(graph.ops):
        need = needs[op] = uses.need(op)
        for name, view in op.reads.items():
            if op not in selects or name == "b":
                uses.add(view, need)
            elif name == "cond":
                uses.add(view, frozenset())  # it is asked for before anything else
            else:
                for part in selects[op]:
                    uses.add(part.new, uses.on(need, part.predicate))
        for view in op.add:
            uses.add(view, need)
    return needs


def _rewrite(graph: Graph, selects: dict[Op, list[_Part]], needs: dict[Op, Need]) -> None:
    """Every select becomes a copy of its old side, and writes over its parts in their turns."""
    uses, truths, readers = _Uses(graph, selects), dict[Predicate, View](), Counter[Value]()
    for part in (part for parts in selects.values() for part in parts):
        truths.setdefault(part.predicate, part.truth)
    for view in (view for op in graph.ops for view in op.inputs()):
        readers[view.base] += 1
    for view in graph.results():
        readers[view.base] += 1

    def turns(need: Need) -> tuple[View, ...]:
        # What many imply comes first: it is true more often.
        order = sorted(need, key=lambda p: (len(uses.on(frozenset(), p)), list(truths).index(p)))
        return tuple(truths[p] for p in order)

    made, moved, ops = set[Value](), dict[Value, Value](), list[Op]()

    def there(view: View) -> View:
        return replace(view, base=moved.get(view.base, view.base))

    for op in graph.ops:
        old, need = op.reads.get("b"), needs[op]
        op.reads = {name: there(view) for name, view in op.reads.items()}
        op.add = [there(view) for view in op.add]
        op.turns = turns(need)
        if op not in selects or old is None:
            ops.append(op)
            continue
        inner = [uses.on(need, part.predicate) for part in selects[op]]
        name, value = "overwrite", op.writes.base
        if old.base in made and old.is_whole and readers[old.base] == 1:
            moved[value] = there(old).base  # a select of a select, which nobody else reads
        elif all(n == need for n in inner):
            name = "copy"
        else:
            ops.append(Op("copy", op.writes, {"x": op.reads["b"]}, turns=op.turns))
        made.add(value)
        for part, when in zip(selects[op], inner, strict=True):
            ops.append(Op(name, there(part.out), {"x": there(part.new)}, turns=turns(when)))
    graph.replace(there)
    graph.ops = in_turns(ops)

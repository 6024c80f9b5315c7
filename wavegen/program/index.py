"""Who reads and who writes each value of a graph, kept up to date while operations are fused."""

from __future__ import annotations

from collections import defaultdict

from .graph import Graph, Op, Value, View


class Index:
    """Readers and writers by value; what leaves the step counts as read by `END`."""

    END = Op("end", View.of(Value((), "f32")))

    def __init__(self, graph: Graph) -> None:
        self.readers: defaultdict[Value, list[Op]] = defaultdict(list)
        self.writers: defaultdict[Value, list[Op]] = defaultdict(list)
        self.position: dict[Op, int] = {op: i for i, op in enumerate(graph.ops)}
        """Where each stands now; those that moved to one place keep their old order."""
        self._first = dict(self.position)
        for op in graph.ops:
            self.enter(op)
        for view in graph.results():
            self.readers[view.base].append(self.END)

    def enter(self, op: Op) -> None:
        """Take note of what an operation reads and writes."""
        for view in op.inputs():
            if op not in self.readers[view.base]:
                self.readers[view.base].append(op)
        if op not in self.writers[op.writes.base]:
            self.writers[op.writes.base].append(op)

    def leave(self, op: Op) -> None:
        """Forget an operation; its position stays known."""
        for view in op.inputs():
            if op in self.readers[view.base]:
                self.readers[view.base].remove(op)
        self.writers[op.writes.base].remove(op)

    def ops(self) -> list[Op]:
        """What is still entered, in order."""
        left = {op for writers in self.writers.values() for op in writers}
        return sorted(left, key=lambda op: (self.position[op], self._first.get(op, 0)))

    def only_product(self, view: View, reader: Op) -> Op | None:
        """The one product that writes all of `view`, if nobody but `reader` reads it."""
        found = self.only_products(view, reader)
        return found[0] if len(found) == 1 else None

    def only_products(self, view: View, reader: Op) -> list[Op]:
        """The products that write the value of which `view` is all, read by `reader` alone."""
        writers = self.writers[view.base]
        is_whole = view.base.space == "scratch" and view.is_whole
        if not is_whole or self.readers[view.base] != [reader]:
            return []
        return list(writers) if all(op.name == "product" for op in writers) else []

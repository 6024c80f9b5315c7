"""Fusion: what happens to a product's result becomes a part of the product.

    y = W x + b;  h + y;  relu(h + y)           one operation
    tanh(y[:n]) * sigmoid(y[n:])                the gate of van den Oord 2016, equation 2
    W1 x, W2 x, W3 x                            one product with a taller matrix

Operations only ever move to the place of a later one that alone used their result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from .graph import Graph, Op, Value, View
from .index import Index

_ACTIVATIONS = ("relu", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh")
_MOST_ADDS = 2  # terms that the kernels add while they store


def fuse(graph: Graph) -> None:
    """Apply every rule until none applies any more."""
    drop_unused(graph)
    index = Index(graph)
    rules: tuple[Callable[[Index, Op], bool], ...] = (_add, _activation, _gate, _after)
    again = True
    while again:
        again = False
        for op in index.ops():
            again |= any(rule(index, op) for rule in rules if op in index.writers[op.writes.base])
    for op in index.ops():
        _split_sum(index, op)
    _merge(graph, index)
    graph.ops = index.ops()
    drop_unused(graph)


def drop_unused(graph: Graph) -> None:
    """Operations whose result nobody reads."""
    needed = {view.base for view in graph.results()}
    kept = list[Op]()
    for op in reversed(graph.ops):
        if op.writes.base in needed:
            kept.append(op)
            needed.update(view.base for view in op.inputs())
    graph.ops = kept[::-1]


def _add(index: Index, op: Op) -> bool:
    """`product + other`: the product starts from `other`."""
    if op.name != "binary" or op.fields["fn"] != "add" or op.writes.type != "f32":
        return False
    for mine, other in (("a", "b"), ("b", "a")):
        products = index.only_products(op.reads[mine], op)
        if not products or not all(_takes_term(p) for p in products):
            continue
        terms = [_rows(op.reads[other], p.writes) for p in products]
        if not op.writes.is_dense or any(term is None for term in terms):
            continue
        index.leave(op)
        for product, term in zip(products, terms, strict=True):
            assert term is not None
            _move(index, product, op, product.writes.offset)
            product.add.append(term)
            index.enter(product)
        return True
    return False


def _activation(index: Index, op: Op) -> bool:
    """`relu(product)` and its like."""
    if op.name != "unary" or op.fields["fn"] not in _ACTIVATIONS or not op.writes.is_dense:
        return False
    products = index.only_products(op.reads["x"], op)
    if not products or not all(_is_plain(p) for p in products):
        return False
    index.leave(op)
    for product in products:
        _move(index, product, op, product.writes.offset)
        product.fields["act"] = op.fields["fn"]
        index.enter(product)
    return True


def _gate(index: Index, op: Op) -> bool:
    """`tanh(first half) * sigmoid(second half)` of one product."""
    if op.name != "binary" or op.fields["fn"] != "mul" or not op.writes.is_dense:
        return False
    halves = dict[str, Op]()
    for name in ("a", "b"):
        view = op.reads[name]
        made = index.writers[view.base]
        if len(made) != 1 or made[0].name != "unary" or index.readers[view.base] != [op]:
            return False
        if not (view.is_whole and made[0].writes.is_whole):
            return False
        halves[made[0].fields["fn"]] = made[0]
    if halves.keys() != {"tanh", "sigmoid"}:
        return False
    tanh, sigmoid = halves["tanh"], halves["sigmoid"]
    first, second = tanh.reads["x"], sigmoid.reads["x"]
    base = first.base
    if base is not second.base or set(index.readers[base]) != {tanh, sigmoid}:
        return False
    half = first.size
    fits = (
        base.space == "scratch"
        and base.size == 2 * half == 2 * second.size
        and (first.offset, second.offset) == (0, half)
        and first.is_dense
        and second.is_dense
        and len(index.writers[base]) == 1
    )
    product = index.writers[base][0] if fits else None
    if product is None or product.name != "product" or not _is_plain(product):
        return False
    for gone in (tanh, sigmoid, op):
        index.leave(gone)
    index.leave(product)
    product.writes = op.writes.vector()
    product.fields["act"] = "gate"
    index.position[product] = index.position[op]
    index.enter(product)
    return True


def _after(index: Index, op: Op) -> bool:
    """`other + act(product)`."""
    if op.name != "binary" or op.fields["fn"] != "add" or op.writes.type != "f32":
        return False
    for mine, other in (("a", "b"), ("b", "a")):
        product = index.only_product(op.reads[mine], op)
        if product is None or product.fields["act"] == "none" or "after" in product.reads:
            continue
        term = op.reads[other]
        if not (op.writes.is_dense and term.is_dense):
            continue
        index.leave(op)
        _move(index, product, op, product.writes.offset)
        product.reads["after"] = term.vector()
        index.enter(product)
        return True
    return False


def _split_sum(index: Index, op: Op) -> None:
    """A sum that only serves as a term of products: they take its two terms themselves."""
    if op.name != "binary" or op.fields["fn"] != "add" or not op.writes.is_whole:
        return
    readers = list(index.readers[op.writes.base])
    plan = list[tuple[Op, int, View, View]]()
    for reader in readers:
        if reader.name != "product" or len(reader.add) >= _MOST_ADDS:
            return
        if any(view.base is op.writes.base for view in reader.reads.values()):
            return
        at = next(i for i, view in enumerate(reader.add) if view.base is op.writes.base)
        a, b = (_rows(op.reads[name], reader.add[at]) for name in ("a", "b"))
        if a is None or b is None:
            return
        plan.append((reader, at, a, b))
    if not plan:
        return
    for reader, at, a, b in plan:
        index.leave(reader)
        reader.add[at : at + 1] = [a, b]
        index.enter(reader)
    index.leave(op)


def _merge(graph: Graph, index: Index) -> None:
    """Products of one input side by side: a taller matrix, whose results are parts of one value."""
    groups: defaultdict[tuple[View, tuple[View, ...]], list[Op]] = defaultdict(list)
    for op in index.ops():
        is_free = op.name == "product" and _is_plain(op) and op.writes.is_whole
        if is_free and all(term.base.data is not None for term in op.add):
            groups[op.reads["x"], op.turns].append(op)
    parent = dict[Value, tuple[Value, int]]()
    for (x, turns), products in groups.items():
        if len(products) == 1:
            continue
        matrices = [p.matrix for p in products]
        matrix = np.concatenate([m for m in matrices if m is not None])
        shift = np.concatenate([_constant_sum(p) for p in products])
        whole = View.of(Value((len(matrix),), "f32"))
        add = [View.of(Value(shift.shape, "f32", "const", data=shift))] if shift.any() else []
        merged = Op("product", whole, {"x": x}, add, {"act": "none"}, matrix, turns)
        first = 0
        for product in products:
            parent[product.writes.base] = (whole.base, first)
            first += product.writes.size
            index.leave(product)
        index.position[merged] = index.position[products[0]]
        index.enter(merged)
    if parent:
        _rebase(graph, index, parent)


def _rebase(graph: Graph, index: Index, parent: dict[Value, tuple[Value, int]]) -> None:
    """Let every reader of the merged values look into the value they are now a part of."""

    def moved(view: View) -> View:
        if view.base not in parent:
            return view
        base, first = parent[view.base]
        return View(base, view.offset + first, view.shape, view.strides)

    for op in index.ops():
        index.leave(op)
        op.reads = {name: moved(view) for name, view in op.reads.items()}
        op.add = [moved(view) for view in op.add]
        index.enter(op)
    graph.replace(moved)


def _constant_sum(product: Op) -> np.ndarray:
    total = np.zeros(product.writes.size, np.float32)
    for term in product.add:
        assert term.base.data is not None
        total += term.base.data.reshape(-1)[term.offset : term.offset + term.size]
    return total


def _takes_term(product: Op) -> bool:
    return _is_plain(product) and len(product.add) < _MOST_ADDS


def _is_plain(product: Op) -> bool:
    return product.fields["act"] == "none" and "after" not in product.reads


def _move(index: Index, product: Op, op: Op, offset: int) -> None:
    """The product now writes what `op` wrote, and stands in its place."""
    if product in index.writers[product.writes.base]:
        index.leave(product)
    product.writes = op.writes.vector(offset, product.writes.size)
    index.position[product] = index.position[op]


def _rows(term: View, part: View) -> View | None:
    """The elements of `term` that stand where `part` stands in its whole, as a dense vector."""
    first, size, shape = part.offset, part.size, list(term.shape)
    offset, strides = term.offset, list(term.strides)
    while shape and _size(shape) > size:
        inner = _size(shape[1:])
        if inner == 0 or inner < size:
            return None
        offset += (first // inner) * strides[0]
        first %= inner
        del shape[0], strides[0]
    view = View(term.base, offset, tuple(shape), tuple(strides))
    return view.vector() if first == 0 and view.size == size and view.is_dense else None


def _size(shape: list[int]) -> int:
    return int(np.prod(shape)) if shape else 1

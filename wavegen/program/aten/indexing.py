"""Look-ups and writes by index."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import fx

from ..capture import Builder, Operand, translates
from ..graph import View


@translates("aten.embedding.default")
def embedding(b: Builder, table: Operand, index: Operand, *_options: object) -> View:
    """Rows of `(N, C)`."""
    return _gather_rows(b, b.view(table), b.view(index))


@translates("aten.index_select.default")
def index_select(b: Builder, x: Operand, dim: int, index: Operand) -> View:
    """Slices along one dimension."""
    moved = b.reshaped(b.view(x), lambda meta: meta.movedim(dim, 0))
    out = _gather_rows(b, moved, b.view(index))
    return b.reshaped(out, lambda meta: meta.movedim(0, dim))


@translates("aten.gather.default")
def gather(b: Builder, x: Operand, dim: int, index: Operand, **_options: object) -> View:
    """One element for each index."""
    table, places = b.view(x), b.view(index)
    return b.emit("gather", b.result(), table=table, dim=dim % len(table.shape), index=places)


@translates("aten.scatter.src", "aten.scatter.value")
def scatter(b: Builder, x: Operand, dim: int, index: Operand, source: Operand) -> View:
    """A copy with one element changed for each index."""
    out, places = b.copy(b.view(x, b.out.dtype)), b.view(index)
    if isinstance(source, View | torch.Tensor):
        some = b.reshaped(b.view(source, b.out.dtype), lambda meta: _first(meta, places.shape))
    else:
        some = b.expanded(source, places.shape, b.out.dtype)
    b.emit("scatter", out, dim=dim % len(out.shape), index=places, source=some)
    return out


@translates("aten.index.Tensor")
def index(b: Builder, x: Operand, indices: Sequence[Operand | None]) -> View:
    """`x[..., i, j, ...]` with whole dimensions before, and nothing but whole ones after."""
    table, flat, first, shape = _places(b, x, indices)
    rows = _gather_rows(b, _joined(b, table, first, len(_given(indices))), flat)
    tail = tuple(table.shape[first + len(_given(indices)) :])
    lead = tuple(table.shape[:first])
    if not lead:
        return b.reshaped(rows, lambda meta: meta.view(*shape, *tail))
    # Rows came to the front, and go back to where the first index stood.
    wide = b.reshaped(rows, lambda meta: meta.view(math.prod(shape), *lead, *tail))
    back = b.reshaped(wide, lambda meta: meta.movedim(0, len(lead)))
    return b.reshaped(back, lambda meta: meta.view(tuple(b.out.shape)))


@translates("aten.index_put.default")
def index_put(
    b: Builder,
    x: Operand,
    indices: Sequence[Operand | None],
    values: Operand,
    accumulate: bool = False,
) -> View:
    """A copy with `x[i, j, ...] = values`."""
    if accumulate:
        raise b.refuse("adds to what it finds; write sums instead")
    table, flat, first, shape = _places(b, x, indices)
    if first:
        raise b.refuse("leaves the first dimension whole; move the indexed one to the front")
    n_given = len(_given(indices))
    out = b.copy(table)
    tail = tuple(table.shape[n_given:])
    spread = b.expanded(values, (*shape, *tail), b.out.dtype)
    source = b.reshaped(spread, lambda meta: meta.reshape(math.prod(shape), -1))
    rows = _joined(b, out, 0, n_given)
    b.emit("scatter_rows", rows, index=flat, source=source)
    return out


@translates("aten.index_copy.default")
def index_copy(b: Builder, x: Operand, dim: int, index: Operand, source: Operand) -> View:
    """A copy with slices replaced."""
    view, n = b.view(x, b.out.dtype), b.view(index)
    if dim % len(view.shape):
        raise b.refuse("writes along another dimension than the first; move it to the front")
    out = b.copy(view)
    rows = b.reshaped(out, lambda meta: meta.view(view.shape[0], -1))
    some = b.reshaped(b.view(source, b.out.dtype), lambda meta: meta.reshape(n.size, -1))
    b.emit("scatter_rows", rows, index=b.reshaped(n, lambda meta: meta.reshape(-1)), source=some)
    return out


def _gather_rows(b: Builder, table: View, index: View) -> View:
    """`(N, ...)` by indices of any shape to `(*index, ...)`."""
    tail = tuple(table.shape[1:])
    rows = b.reshaped(table, lambda meta: meta.reshape(table.shape[0], -1))
    flat = b.reshaped(index, lambda meta: meta.reshape(-1))
    width = math.prod(tail)
    out = b.new((index.size, width), torch.float32 if table.type == "f32" else torch.int64)
    b.emit("gather_rows", out, table=rows, index=flat)
    return b.reshaped(out, lambda meta: meta.view(*index.shape, *tail))


def _places(
    b: Builder, x: Operand, indices: Sequence[Operand | None]
) -> tuple[View, View, int, tuple[int, ...]]:
    """The table, one row number for each index tuple, the first dimension, and their shape."""
    table, given = b.view(x), _given(indices)
    first, views = given[0], [b.view(_at(indices, d)) for d in given]
    if given != list(range(first, first + len(given))):
        raise b.refuse("indexes dimensions that do not follow each other")
    if any(isinstance(i, fx.Node) and i.meta["val"].dtype == torch.bool for i in _nodes(b)):
        raise b.refuse("selects by a mask, which gives a shape that depends on values")
    shape = torch.broadcast_shapes(*(v.shape for v in views))
    flat: View | None = None
    for d, view in zip(given, views, strict=True):
        n = table.shape[d]
        spread = b.expanded(view, shape, torch.int64)
        # Negative places count from the end.
        is_negative = _step(b, "lt", spread, 0)
        inside = _step(b, "add", spread, _step(b, "mul", is_negative, n))
        flat = inside if flat is None else _step(b, "add", _step(b, "mul", flat, n), inside)
    assert flat is not None
    return table, b.reshaped(flat, lambda meta: meta.reshape(-1)), first, tuple(shape)


def _step(b: Builder, fn: str, x: View, y: View | int) -> View:
    out = b.new(x.shape, torch.int64)
    return b.emit("binary", out, fn=fn, a=x, b=b.expanded(y, x.shape, torch.int64))


def _joined(b: Builder, table: View, first: int, count: int) -> View:
    """The indexed dimensions as the first one, all others as the second: `(N, C)`."""
    dims = list(range(first, first + count))
    others = [d for d in range(len(table.shape)) if d not in dims]
    n = math.prod(table.shape[d] for d in dims)
    front = b.reshaped(table, lambda meta: meta.permute(*dims, *others))
    return b.reshaped(front, lambda meta: meta.reshape(n, -1))


def _nodes(b: Builder) -> Sequence[object]:
    nodes = b.node.args[1]
    assert isinstance(nodes, list | tuple)
    return nodes


def _given(indices: Sequence[Operand | None]) -> list[int]:
    return [d for d, index in enumerate(indices) if index is not None]


def _at(indices: Sequence[Operand | None], d: int) -> Operand:
    found = indices[d]
    assert found is not None
    return found


def _first(meta: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    return meta[tuple(slice(0, n) for n in shape)]

"""Views, copies, concatenations and new tensors: mostly offsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..capture import Builder, Operand, constant, translates
from ..graph import View


def _enter_views() -> None:
    """Operations that PyTorch itself can do on the geometry of a view."""
    aten = torch.ops.aten
    for operation in (
        aten.alias.default,
        aten.detach.default,
        aten.diagonal.default,
        aten.expand.default,
        aten.permute.default,
        aten.select.int,
        aten.slice.Tensor,
        aten.squeeze.default,
        aten.squeeze.dim,
        aten.squeeze.dims,
        aten.t.default,
        aten.transpose.int,
        aten.unfold.default,
        aten.unsqueeze.default,
        aten.view.default,
    ):

        def translated(b: Builder, x: View, *args: Any, _operation: Any = operation) -> View:
            return b.reshaped(x, lambda meta: _operation(meta, *args))

        translates(str(operation))(translated)
    for operation in (
        aten.split.Tensor,
        aten.split_with_sizes.default,
        aten.unbind.int,
        aten.chunk.default,
    ):

        def parts(b: Builder, x: View, *args: Any, _operation: Any = operation) -> list[View]:
            count = len(b.node.meta["val"])
            return [
                b.reshaped(x, lambda meta, i=i: _operation(meta, *args)[i]) for i in range(count)
            ]

        translates(str(operation))(parts)


_enter_views()


@translates("aten._unsafe_view.default", "aten.reshape.default")
def reshape(b: Builder, x: View, shape: Sequence[int]) -> View:
    """A view where strides allow it."""
    return b.reshaped(x, lambda meta: meta.view(tuple(shape)))


@translates("aten.clone.default", "aten.contiguous.default", "aten.lift_fresh_copy.default")
def same(b: Builder, x: View, **_options: Any) -> View:
    """Nothing in this graph writes into what others read, so a clone is the thing itself."""
    return x


@translates("aten.copy.default")
def copied(b: Builder, _target: Operand, x: Operand, *_rest: Any) -> View:
    """The source in the target's shape and type."""
    return b.expanded(x, b.out.shape, b.out.dtype)


@translates("aten._to_copy.default", "aten.to.dtype")
def converted(b: Builder, x: View, *_dtype: Any, **_options: Any) -> View:
    """Another type; a truth value is whether something is not 0."""
    if b.out.dtype == torch.bool and b.argument(0).dtype != torch.bool:
        zero = b.expanded(0, b.out.shape, b.argument(0).dtype)
        return b.emit("binary", b.result(), fn="ne", a=x, b=zero)
    return b.view(x, b.out.dtype)


@translates("aten.cat.default")
def cat(b: Builder, parts: Sequence[Operand], dim: int = 0) -> View:
    """Each part is copied to its place, unless it can be made there."""
    out, start = b.result(), 0
    for part in parts:
        shape = tuple(part.shape) if isinstance(part, View | Tensor) else ()
        if 0 in shape:  # also an empty vector, which PyTorch lets stand among tensors of any rank
            continue
        size = shape[dim]
        place = b.reshaped(out, lambda meta, s=start, n=size: meta.narrow(dim, s, n))
        b.emit("copy", place, x=b.view(part, b.out.dtype))
        start += size
    return out


@translates("aten.constant_pad_nd.default")
def padded(b: Builder, x: View, pad: Sequence[int], value: float = 0) -> View:
    """The fill, then the tensor in its midst."""
    if any(n < 0 for n in pad):
        raise b.refuse("crops, which programs do not know")
    out = b.result()
    b.emit("copy", out, x=b.expanded(value, b.out.shape, b.out.dtype))
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]

    def inner(meta: Tensor) -> Tensor:
        for back, (before, _after) in enumerate(pairs, start=1):
            meta = meta.narrow(-back, before, x.shape[-back])
        return meta

    # A part written twice is changed in place: a scatter with no index.
    return _placed(b, out, b.reshaped(out, inner), x)


@translates("aten.slice_scatter.default")
def slice_scatter(
    b: Builder,
    x: Operand,
    source: Operand,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> View:
    """A copy with a slice replaced."""
    out = b.copy(b.view(x, b.out.dtype))
    place = b.reshaped(out, lambda meta: torch.ops.aten.slice.Tensor(meta, dim, start, end, step))
    return _placed(b, out, place, b.view(source, b.out.dtype))


@translates("aten.select_scatter.default")
def select_scatter(b: Builder, x: Operand, source: Operand, dim: int, index: int) -> View:
    """A copy with one slice replaced."""
    out = b.copy(b.view(x, b.out.dtype))
    place = b.reshaped(out, lambda meta: meta.select(dim, index))
    return _placed(b, out, place, b.view(source, b.out.dtype))


@translates("aten.repeat.default")
def repeat(b: Builder, x: View, repeats: Sequence[int]) -> View:
    """Copies side by side, made by strides of 0."""
    shape = (1,) * (len(repeats) - len(x.shape)) + x.shape
    spread = [n for pair in zip(repeats, shape, strict=True) for n in pair]
    apart = [n for pair in zip((1,) * len(shape), shape, strict=True) for n in pair]
    wide = b.reshaped(b.reshaped(x, lambda m: m.view(apart)), lambda m: m.expand(spread))
    return b.reshaped(wide, lambda m: m.view(tuple(b.out.shape)))


@translates("aten.flip.default")
def flip(b: Builder, x: View, dims: Sequence[int]) -> View:
    """Slices in the reverse order."""
    dim, *others = [d % len(x.shape) for d in dims]
    if others:
        raise b.refuse("reverses several dimensions; reverse one at a time")
    out, n = b.result(), x.shape[dim]
    for i in range(n):
        place = b.reshaped(out, lambda meta, i=i: meta.narrow(dim, i, 1))
        b.emit("copy", place, x=b.reshaped(x, lambda meta, i=i: meta.narrow(dim, n - 1 - i, 1)))
    return out


@translates(
    "aten.full_like.default",
    "aten.zeros_like.default",
    "aten.ones_like.default",
    "aten.new_zeros.default",
    "aten.new_ones.default",
    "aten.new_full.default",
    "aten.new_empty.default",
    "aten.empty_like.default",
)
def filled(b: Builder, _x: View, *args: Any, **_options: Any) -> View:
    """A constant of the right shape."""
    name = str(b.node.target)
    values = {"full": args[-1] if args else 0, "ones": 1}
    value = next((value for kind, value in values.items() if kind in name), 0)
    return constant(torch.tensor(value, dtype=b.out.dtype).expand(b.out.shape))


@translates("aten.sym_size.int")
def size(b: Builder, x: View, dim: int) -> int:
    """Shapes are known."""
    return x.shape[dim]


@translates("aten._assert_tensor_metadata.default", "aten._assert_async.msg")
def nothing(b: Builder, *_args: Any, **_options: Any) -> None:
    """A check; the core makes its own where memory is concerned."""


def _placed(b: Builder, out: View, place: View, source: View) -> View:
    """Write a part of `out` again, in place."""
    b.emit("overwrite", place, x=b.expanded(source, place.shape, b.out.dtype))
    return out

"""Reductions, norms and softmax: the core reduces the last dimension, so others are moved there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ..capture import Builder, Operand, translates
from ..graph import View
from .elementwise import truth


def _enter() -> None:
    for name, fn in {"sum": "sum", "mean": "mean", "amax": "max", "amin": "min"}.items():

        def translated(
            b: Builder,
            x: View,
            dims: Sequence[int] | None = None,
            keepdim: bool = False,
            _fn: str = fn,
            **_options: object,
        ) -> View:
            del keepdim  # the result's shape tells
            return reduced(b, _fn, b.view(x, b.out.dtype), dims)

        forms = ("dim_IntList", "dim", "default")
        translates(*(f"aten.{name}.{form}" for form in forms))(translated)
    for name in ("any", "all"):

        def asked(
            b: Builder,
            x: View,
            dims: int | Sequence[int] | None = None,
            keepdim: bool = False,
            _fn: str = name,
        ) -> View:
            del keepdim
            return reduced(b, _fn, truth(b, x), dims)

        translates(*(f"aten.{name}.{form}" for form in ("default", "dim", "dims")))(asked)
    for name in ("argmax", "argmin"):

        def found(
            b: Builder, x: View, dim: int | None = None, keepdim: bool = False, _fn: str = name
        ) -> View:
            del keepdim
            return reduced(b, _fn, b.view(x, torch.float32), dim)

        translates(f"aten.{name}.default")(found)
    for name in ("max", "min"):

        def best(
            b: Builder, x: View, dim: int, keepdim: bool = False, _fn: str = name
        ) -> tuple[View, View]:
            del keepdim
            shape = tuple(b.node.meta["val"][0].shape)
            value = _reduced(b, _fn, x, dim, shape, torch.float32)
            return value, _reduced(b, f"arg{_fn}", x, dim, shape, torch.int64)

        translates(f"aten.{name}.dim")(best)


def reduced(b: Builder, fn: str, x: View, dims: int | Sequence[int] | None) -> View:
    """Over some dimensions, or all of them."""
    return _reduced(b, fn, x, dims, tuple(b.out.shape), b.out.dtype)


def _reduced(
    b: Builder,
    fn: str,
    x: View,
    dims: int | Sequence[int] | None,
    shape: tuple[int, ...],
    dtype: torch.dtype,
) -> View:
    rank = len(x.shape)
    given = [dims] if isinstance(dims, int) else list(dims or range(rank))
    over = sorted(d % rank for d in given) if rank else []
    kept = [d for d in range(rank) if d not in over]
    last = b.reshaped(x, lambda meta: meta.permute(*kept, *over) if rank else meta)
    rows = tuple(x.shape[d] for d in kept)
    size = math.prod(x.shape[d] for d in over)
    joined = b.reshaped(last, lambda meta: meta.view(*rows, size))
    out = b.emit("reduce", b.new(rows, dtype), fn=fn, x=joined)
    return b.reshaped(out, lambda meta: meta.view(shape))


_enter()


@translates("aten.prod.dim_int")
def prod(b: Builder, x: View, dim: int, keepdim: bool = False) -> View:
    """Product over one dimension."""
    del keepdim
    return reduced(b, "prod", b.view(x, torch.float32), dim)


@translates("aten.var.correction", "aten.var.dim")
def var(
    b: Builder,
    x: View,
    dims: Sequence[int] | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> View:
    """Mean square of the distance to the mean, times n / (n - correction)."""
    del keepdim
    rank = len(x.shape)
    over = [d % rank for d in dims] if dims else list(range(rank))
    n = math.prod(x.shape[d] for d in over)
    kept = tuple(1 if d in over else s for d, s in enumerate(x.shape))
    mean = _reduced(b, "mean", x, over, kept, torch.float32)
    wide = b.reshaped(mean, lambda meta: meta.expand(x.shape))
    apart = b.emit("binary", b.new(x.shape, torch.float32), fn="sub", a=x, b=wide)
    squares = b.emit("unary", b.new(x.shape, torch.float32), fn="square", x=apart)
    total = reduced(b, "sum", squares, over)
    share = 1 / (n - (1 if correction is None else correction))
    factor = b.expanded(share, total.shape, torch.float32)
    return b.emit("binary", b.result(), fn="mul", a=total, b=factor)


@translates("aten._softmax.default", "aten.softmax.int")
def softmax(b: Builder, x: View, dim: int, *_options: object) -> View:
    """Over one dimension."""
    return _softmax(b, x, dim, log=False)


@translates("aten._log_softmax.default", "aten.log_softmax.int")
def log_softmax(b: Builder, x: View, dim: int, *_options: object) -> View:
    """Its logarithm."""
    return _softmax(b, x, dim, log=True)


def _softmax(b: Builder, x: View, dim: int, log: bool) -> View:
    last = b.dense(b.reshaped(x, lambda meta: meta.movedim(dim, -1)))
    out = b.emit("softmax", b.new(last.shape, torch.float32), x=last, log=log)
    return b.reshaped(out, lambda meta: meta.movedim(-1, dim))


@translates("aten.native_layer_norm.default")
def native_layer_norm(
    b: Builder,
    x: View,
    shape: Sequence[int],
    weight: Operand | None,
    bias: Operand | None,
    eps: float,
) -> tuple[View, None, None]:
    """The normalised values; what only its gradient needs is left out."""
    return layer_norm(b, x, shape, weight, bias, eps), None, None


@translates("aten.layer_norm.default")
def layer_norm(
    b: Builder,
    x: View,
    shape: Sequence[int],
    weight: Operand | None = None,
    bias: Operand | None = None,
    eps: float = 1e-5,
    *_options: object,
) -> View:
    """Over the last dimensions."""
    n = math.prod(shape)
    rows = b.dense(b.reshaped(x, lambda meta: meta.reshape(-1, n)))
    scales = {
        name: b.dense(b.reshaped(b.view(w, torch.float32), lambda meta: meta.reshape(-1)))
        for name, w in {"weight": weight, "bias": bias}.items()
        if w is not None
    }
    out = b.emit("layer_norm", b.new(rows.shape, torch.float32), x=rows, eps=float(eps), **scales)
    return b.reshaped(out, lambda meta: meta.view(x.shape))


@translates("aten.native_group_norm.default")
def native_group_norm(
    b: Builder,
    x: View,
    weight: Operand | None,
    bias: Operand | None,
    _batch: int,
    channels: int,
    _width: int,
    groups: int,
    eps: float,
) -> tuple[View, None, None]:
    """A layer norm of each group, then a scale and a shift of each channel."""
    rows = b.dense(b.reshaped(x, lambda meta: meta.reshape(groups, -1)))
    out = b.emit("layer_norm", b.new(rows.shape, torch.float32), x=rows, eps=float(eps))
    out = b.reshaped(out, lambda meta: meta.view(x.shape))
    for fn, factor in (("mul", weight), ("add", bias)):
        if factor is not None:
            column = b.reshaped(
                b.view(factor, torch.float32),
                lambda meta: meta.view(1, channels, *[1] * (len(x.shape) - 2)),
            )
            wide = b.expanded(column, x.shape, torch.float32)
            out = b.emit("binary", b.new(x.shape, torch.float32), fn=fn, a=out, b=wide)
    return out, None, None


@translates("aten.linalg_vector_norm.default")
def vector_norm(
    b: Builder,
    x: View,
    order: float = 2,
    dims: Sequence[int] | None = None,
    keepdim: bool = False,
    **_options: object,
) -> View:
    """Of order 1, 2 or infinity."""
    del keepdim
    parts = {1: ("abs", "sum"), 2: ("square", "sum"), math.inf: ("abs", "max")}
    if order not in parts:
        raise b.refuse(f"has the order {order}; use 1, 2 or infinity")
    each, over = parts[order]
    sizes = b.emit("unary", b.new(x.shape, torch.float32), fn=each, x=x)
    total = reduced(b, over, sizes, dims)
    return b.emit("unary", b.result(), fn="sqrt", x=total) if order == 2 else total


@translates("aten.cumsum.default")
def cumsum(b: Builder, x: View, dim: int, **_options: object) -> View:
    """Running sum over one dimension."""
    last = b.dense(b.reshaped(b.view(x, b.out.dtype), lambda meta: meta.movedim(dim, -1)))
    out = b.emit("cumsum", b.new(last.shape, b.out.dtype), x=last)
    return b.reshaped(out, lambda meta: meta.movedim(-1, dim))

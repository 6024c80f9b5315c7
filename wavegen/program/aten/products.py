"""Products: with weights they become `product`, between things of the step `matmul`.

A product with several rows becomes several products with one weight.

Dimensions: M rows, K inputs, N outputs, J products side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..capture import Builder, translates
from ..graph import Op, View

Factor = View | Tensor
"""Something of the step, or a weight."""

_MOST_ROWS = 256
"""Each row of a product is an operation of its own."""


@translates("aten.mm.default")
def mm(b: Builder, x: Factor, y: Factor) -> View:
    """`(M, K) @ (K, N)`."""
    return _product(b, x, y, [])


@translates("aten.addmm.default")
def addmm(
    b: Builder, bias: Factor, x: Factor, y: Factor, beta: float = 1, alpha: float = 1
) -> View:
    """`beta bias + alpha (M, K) @ (K, N)`."""
    y = y * alpha if isinstance(y, Tensor) and alpha != 1 else y
    if beta == 0:
        return _product(b, x, y, [])
    if beta != 1 or (alpha != 1 and isinstance(y, View)):
        raise b.refuse(f"scales its terms (beta {beta}, alpha {alpha}); multiply them yourself")
    return _product(b, x, y, [bias])


@translates("aten.linear.default")
def linear(b: Builder, x: View, weight: Factor, bias: Factor | None = None) -> View:
    """`(..., K)` by `(N, K)`."""
    turned = _turned(b, weight)
    rows = b.reshaped(x, lambda meta: meta.reshape(-1, x.shape[-1]))
    out = _product(b, rows, turned, [] if bias is None else [bias])
    return b.reshaped(out, lambda meta: meta.view(tuple(b.out.shape)))


@translates("aten.bmm.default")
def bmm(b: Builder, x: Factor, y: Factor) -> View:
    """`(J, M, K) @ (J, K, N)`."""
    return _batched(b, x, y, None)


@translates("aten.baddbmm.default")
def baddbmm(
    b: Builder, bias: Factor, x: Factor, y: Factor, beta: float = 1, alpha: float = 1
) -> View:
    """`bias + (J, M, K) @ (J, K, N)`."""
    if beta != 1 or alpha != 1:
        raise b.refuse(f"scales its terms (beta {beta}, alpha {alpha}); multiply them yourself")
    return _batched(b, x, y, bias)


@translates("aten.mv.default")
def mv(b: Builder, x: Factor, y: Factor) -> View:
    """`(M, K) @ (K,)`."""
    return _matmul(b, _at_front(b, x), _column(b, y), (1, x.shape[0], 1), tuple(b.out.shape))


@translates("aten.dot.default")
def dot(b: Builder, x: Factor, y: Factor) -> View:
    """`(K,) . (K,)`."""
    row = b.reshaped(b.view(x, torch.float32), lambda meta: meta[None, None])
    return _matmul(b, row, _column(b, y), (1, 1, 1), ())


@translates("aten.convolution.default")
def convolution(
    b: Builder,
    x: View,
    weight: Factor,
    bias: Factor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    _output_padding: Sequence[int],
    groups: int,
) -> View:
    """One dimension, `(1, C, T)` by `(N, C / groups, taps)`: a product for each place and group."""
    if not isinstance(weight, Tensor) or x.shape[0] != 1 or len(x.shape) != 3 or transposed:
        raise b.refuse("is only known with weights of its own, forward, over one dimension")
    if any(padding):
        raise b.refuse("pads; give it a window that is as long as it needs")
    n, per_group, taps = weight.shape
    out = b.result()
    for place in range(b.out.shape[2]):
        first, step = place * stride[0], dilation[0]
        for group in range(groups):
            channels, rows = group * per_group, group * (n // groups)
            window = b.reshaped(
                x,
                lambda meta, c=channels, t=first, s=step: meta[
                    0, c : c + per_group, t : t + s * (taps - 1) + 1 : s
                ],
            )
            column = b.dense(window)
            part = weight[rows : rows + n // groups].reshape(n // groups, -1)
            made = b.new((n // groups,), torch.float32)
            _emit(b, made, b.reshaped(column, lambda m: m.reshape(-1)), part, [])
            target = b.reshaped(out, lambda meta, r=rows, t=place: meta[0, r : r + n // groups, t])
            if bias is None:
                b.emit("copy", target, x=made)
            else:
                shift = b.view(bias, torch.float32)
                some = b.reshaped(shift, lambda meta, r=rows: meta[r : r + n // groups])
                b.emit("binary", target, fn="add", a=made, b=some)
    return out


def _product(b: Builder, x: Factor, y: Factor, add: list[Factor]) -> View:
    out = b.new((x.shape[0], y.shape[1]), torch.float32)
    _rows(b, out, x, y, add)
    return out


def _batched(b: Builder, x: Factor, y: Factor, bias: Factor | None) -> View:
    if isinstance(x, View) and isinstance(y, View):
        product = _matmul(b, x, y, tuple(b.out.shape), tuple(b.out.shape))
        if bias is None:
            return product
        shift = b.expanded(bias, b.out.shape, torch.float32)
        return b.emit("binary", b.result(), fn="add", a=product, b=shift)
    out = b.result()
    for j in range(b.out.shape[0]):
        add = [] if bias is None else [_slice(b, _spread(b, bias, b.out.shape), j)]
        target = b.reshaped(out, lambda meta, j=j: meta[j])
        _rows(b, target, _slice(b, x, j), _slice(b, y, j), add)
    return out


def _rows(b: Builder, out: View, x: Factor, y: Factor, add: list[Factor]) -> None:
    """`(M, K) @ (K, N)` into `(M, N)`, where at least one factor is a weight, or neither."""
    if isinstance(x, Tensor) and isinstance(y, View):
        # W x: the same product seen from the other side, (N, K) @ (K, M).
        turned_out = b.new((y.shape[1], x.shape[0]), torch.float32)
        turned_add = [_turned(b, _spread(b, a, out.shape)) for a in add]
        _rows(b, turned_out, _turned(b, y), x.t(), turned_add)
        b.emit("copy", out, x=b.reshaped(turned_out, lambda meta: meta.t()))
        return
    if isinstance(y, View):
        product = _matmul(b, _at_front(b, x), _at_front(b, y), (1, *out.shape), out.shape)
        for a in add:
            product = b.emit(
                "binary",
                b.new(out.shape, torch.float32),
                fn="add",
                a=product,
                b=b.expanded(a, out.shape, torch.float32),
            )
        b.emit("copy", out, x=product)
        return
    if out.shape[0] > _MOST_ROWS:
        raise b.refuse(f"multiplies {out.shape[0]} rows with one weight, more than {_MOST_ROWS}")
    spread = [_spread(b, a, out.shape) for a in add]
    for m in range(out.shape[0]):
        _emit(
            b,
            b.reshaped(out, lambda meta, m=m: meta[m]),
            b.dense(b.view(_slice(b, x, m), torch.float32)),
            y.t(),
            [b.dense(b.view(_slice(b, a, m), torch.float32)) for a in spread],
        )


def _emit(b: Builder, out: View, x: View, weight: Tensor, add: list[View]) -> None:
    matrix = np.ascontiguousarray(weight.detach().float().numpy())
    b.ops.append(Op("product", out, {"x": x}, add, {"act": "none"}, matrix))


def _matmul(
    b: Builder, x: Factor, y: Factor, shape: tuple[int, ...], final: tuple[int, ...]
) -> View:
    """A general product `(J, M, K) @ (J, K, N)`."""
    out = b.new(shape, torch.float32)
    b.emit("matmul", out, a=b.view(x, torch.float32), b=b.view(y, torch.float32))
    return b.reshaped(out, lambda meta: meta.view(final))


def _at_front(b: Builder, x: Factor) -> View:
    return b.reshaped(b.view(x, torch.float32), lambda meta: meta[None])


def _column(b: Builder, x: Factor) -> View:
    return b.reshaped(b.view(x, torch.float32), lambda meta: meta[None, :, None])


def _turned(b: Builder, x: Factor) -> Factor:
    return x.t() if isinstance(x, Tensor) else b.reshaped(b.view(x), lambda meta: meta.t())


def _slice(b: Builder, x: Factor, index: int) -> Factor:
    if isinstance(x, Tensor):
        return x[index]
    return b.reshaped(b.view(x), lambda meta: meta[index])


def _spread(b: Builder, x: Factor, shape: Sequence[int]) -> Factor:
    if isinstance(x, Tensor):
        return x.expand(tuple(shape))
    return b.expanded(x, shape, torch.float32)

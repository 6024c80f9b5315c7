"""Operations on real values that the core plays as several of its own."""

from __future__ import annotations

import math

import torch

from ..capture import Builder, Operand, translates
from ..graph import View
from .elementwise import binary, binary_mask, unary, where


@translates("aten.isinf.default")
def isinf(b: Builder, x: View) -> View:
    """Either infinity."""
    size = b.emit("unary", b.new(x.shape, torch.float32), fn="abs", x=x)
    return binary_mask(b, "eq", size, math.inf)


@translates("aten.fmax.default")
def fmax(b: Builder, x: Operand, y: Operand) -> View:
    """The larger one; a number where the other is NaN."""
    return _of_known(b, "max", x, y)


@translates("aten.fmin.default")
def fmin(b: Builder, x: Operand, y: Operand) -> View:
    """The smaller one; a number where the other is NaN."""
    return _of_known(b, "min", x, y)


def _of_known(b: Builder, fn: str, x: Operand, y: Operand) -> View:
    shape = tuple(b.out.shape)
    x, y = (b.expanded(one, shape, torch.float32) for one in (x, y))
    return binary(b, fn, where(b, _nan(b, x), y, x), where(b, _nan(b, y), x, y))


def _nan(b: Builder, x: View) -> View:
    return b.emit("binary", b.new(x.shape, torch.bool), fn="ne", a=x, b=x)


@translates("aten.log10.default")
def log10(b: Builder, x: View) -> View:
    """log(x) / log(10)."""
    return binary(b, "mul", unary(b, "log", x), 1 / math.log(10))


@translates("aten.bucketize.Tensor")
def bucketize(
    b: Builder, x: View, edges: Operand, *, out_int32: bool = False, right: bool = False
) -> View:
    """How many edges lie below x; NaN lies above all of them."""
    del out_int32  # the result's type tells
    n = b.view(edges).size
    shape = (*x.shape, n)
    column = b.reshaped(x, lambda meta: meta.unsqueeze(-1))
    wide, each = b.expanded(column, shape, torch.float32), b.expanded(edges, shape, torch.float32)
    above = b.emit("binary", b.new(shape, torch.bool), fn="gt" if right else "ge", a=each, b=wide)
    below = b.emit("unary", b.new(shape, torch.bool), fn="not", x=above)
    return b.emit("reduce", b.result(), fn="sum", x=below)

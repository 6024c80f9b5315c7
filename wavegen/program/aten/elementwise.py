"""Elementwise operations."""

from __future__ import annotations

import math
from typing import Any

import torch

from ..capture import Builder, Operand, translates
from ..graph import View

_UNARY = {
    "neg": "neg",
    "abs": "abs",
    "exp": "exp",
    "expm1": "expm1",
    "log": "log",
    "log1p": "log1p",
    "sqrt": "sqrt",
    "rsqrt": "rsqrt",
    "reciprocal": "reciprocal",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "relu": "relu",
    "silu": "silu",
    "sin": "sin",
    "cos": "cos",
    "erf": "erf",
    "special_ndtri": "ndtri",
    "floor": "floor",
    "ceil": "ceil",
    "round": "round",
    "trunc": "trunc",
    "sign": "sign",
    "square": "square",
    "log_sigmoid": "log_sigmoid",
    "logical_not": "not",
}
_BINARY = {
    "mul": "mul",
    "minimum": "min",
    "maximum": "max",
    "remainder": "mod",
    "bitwise_and": "and",
    "bitwise_or": "or",
    "bitwise_xor": "xor",
    "logical_and": "and",
    "logical_or": "or",
    "logical_xor": "xor",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "eq": "eq",
    "ne": "ne",
}
_LOGICAL = ("logical_and", "logical_or", "logical_xor")
_KEEPS_INTEGERS = ("neg", "abs", "not")


def _enter() -> None:
    for name, fn in _UNARY.items():
        translates(f"aten.{name}.default")(lambda b, x, _fn=fn: unary(b, _fn, x))
    for name, fn in _BINARY.items():

        def translated(
            b: Builder, x: Operand, y: Operand, _fn: str = fn, _name: str = name
        ) -> View:
            if _name in _LOGICAL:
                x, y = truth(b, x), truth(b, y)
            return binary(b, _fn, x, y)

        forms = ("Tensor", "Scalar", "default", "Scalar_Tensor")
        translates(*(f"aten.{name}.{form}" for form in forms))(translated)


def unary(b: Builder, fn: str, x: Operand) -> View:
    """One function of one operand; integers become float32 where the function needs it."""
    out = b.result()
    if fn == "not":
        return b.emit("unary", out, fn=fn, x=truth(b, x))
    if out.type == "i64" and fn not in _KEEPS_INTEGERS:
        return b.view(x)  # an integer is its own floor
    return b.emit("unary", out, fn=fn, x=b.view(x, b.out.dtype))


def binary(b: Builder, fn: str, x: Operand, y: Operand) -> View:
    """One function of two operands, in the type that PyTorch would compute in."""
    common = _common_type(b, x, y)
    shape = tuple(b.out.shape)
    return b.emit(
        "binary", b.result(), fn=fn, a=b.expanded(x, shape, common), b=b.expanded(y, shape, common)
    )


def truth(b: Builder, x: Operand) -> View:
    """0 or 1, whether x is not 0."""
    view = b.view(x)
    zero = b.expanded(0, view.shape, torch.float32 if view.type == "f32" else torch.int64)
    out = b.new(view.shape, torch.bool)
    return b.emit("binary", out, fn="ne", a=view, b=zero)


def _common_type(b: Builder, x: Operand, y: Operand) -> torch.dtype:
    """Comparisons give truth values, so the result's type does not tell."""
    return torch.result_type(_example(x), _example(y))


def _example(x: Operand) -> Any:
    if isinstance(x, View):
        dtype = torch.float32 if x.type == "f32" else torch.int64
        return torch.empty(x.shape, dtype=dtype, device="meta")
    return x


_enter()


@translates("aten.add.Tensor", "aten.add.Scalar")
def add(b: Builder, x: Operand, y: Operand, alpha: float = 1) -> View:
    """x + alpha y."""
    return binary(b, "add", x, _scaled(b, y, alpha))


@translates("aten.sub.Tensor", "aten.sub.Scalar")
def sub(b: Builder, x: Operand, y: Operand, alpha: float = 1) -> View:
    """x - alpha y."""
    return binary(b, "sub", x, _scaled(b, y, alpha))


@translates("aten.rsub.Tensor", "aten.rsub.Scalar")
def rsub(b: Builder, x: Operand, y: Operand, alpha: float = 1) -> View:
    """y - alpha x."""
    return binary(b, "sub", y, _scaled(b, x, alpha))


def _scaled(b: Builder, x: Operand, factor: float) -> Operand:
    if factor == 1:
        return x
    if not isinstance(x, View):
        return x * factor
    dtype = b.out.dtype
    out = b.new(x.shape, dtype)
    return b.emit("binary", out, fn="mul", a=b.view(x, dtype), b=b.expanded(factor, x.shape, dtype))


@translates("aten.div.Tensor", "aten.div.Scalar")
def div(b: Builder, x: Operand, y: Operand) -> View:
    """True division; by a number it is a product, as PyTorch does it."""
    shape, dtype = tuple(b.out.shape), b.out.dtype
    return b.emit(
        "binary",
        b.result(),
        fn="div",
        a=b.expanded(x, shape, dtype),
        b=b.expanded(y, shape, dtype),
    )


@translates("aten.div.Tensor_mode", "aten.div.Scalar_mode")
def div_mode(b: Builder, x: Operand, y: Operand, rounding_mode: str | None = None) -> View:
    """Division that is rounded."""
    if rounding_mode is None:
        return div(b, x, y)
    if b.out.is_floating_point():
        quotient = div(b, x, y)
        fn = "floor" if rounding_mode == "floor" else "trunc"
        return b.emit("unary", b.result(), fn=fn, x=quotient)
    if rounding_mode == "floor":
        return binary(b, "floordiv", x, y)
    raise b.refuse("rounds integers towards zero; use //")


@translates("aten.floor_divide.default")
def floor_divide(b: Builder, x: Operand, y: Operand) -> View:
    """x // y."""
    return div_mode(b, x, y, "floor")


@translates("aten.bitwise_not.default")
def bitwise_not(b: Builder, x: View) -> View:
    """`~mask`; of integers all bits."""
    if b.out.dtype == torch.bool:
        return b.emit("unary", b.result(), fn="not", x=x)
    return binary(b, "xor", x, -1)


@translates("aten.pow.Tensor_Scalar")
def power(b: Builder, x: View, exponent: float) -> View:
    """The powers that have a function of their own, or pow."""
    known = {2: "square", 0.5: "sqrt", -0.5: "rsqrt", -1: "reciprocal"}
    if b.out.is_floating_point() and exponent in known:
        return unary(b, known[exponent], x)
    if exponent == 2:
        return binary(b, "mul", x, x)
    return power_of(b, x, exponent)


@translates("aten.pow.Tensor_Tensor", "aten.pow.Scalar")
def power_of(b: Builder, x: Operand, exponent: Operand) -> View:
    """x ** y, in float32."""
    if not b.out.is_floating_point():
        raise b.refuse("raises integers to a power; use float32")
    return binary(b, "pow", b.view(x, torch.float32), b.view(exponent, torch.float32))


@translates("aten.clamp.default", "aten.clamp.Tensor", "aten.hardtanh.default")
def clamp(b: Builder, x: View, low: Operand | None = None, high: Operand | None = None) -> View:
    """Between two limits, either of which may be absent."""
    if str(b.node.target).startswith("aten.hardtanh"):
        low, high = -1 if low is None else low, 1 if high is None else high
    out = x
    if low is not None:
        out = binary(b, "max", out, low)
    return out if high is None else binary(b, "min", out, high)


@translates("aten.clamp_min.default", "aten.clamp_min.Tensor")
def clamp_min(b: Builder, x: View, low: Operand) -> View:
    """At least `low`."""
    return clamp(b, x, low)


@translates("aten.clamp_max.default", "aten.clamp_max.Tensor")
def clamp_max(b: Builder, x: View, high: Operand) -> View:
    """At most `high`."""
    return clamp(b, x, None, high)


@translates("aten.where.self", "aten.where.ScalarOther", "aten.where.ScalarSelf")
def where(b: Builder, cond: Operand, x: Operand, y: Operand) -> View:
    """x where cond, else y."""
    shape, dtype = tuple(b.out.shape), b.out.dtype
    return b.emit(
        "where",
        b.result(),
        cond=b.expanded(cond, shape, torch.bool),
        a=b.expanded(x, shape, dtype),
        b=b.expanded(y, shape, dtype),
    )


@translates("aten.masked_fill.Scalar", "aten.masked_fill.Tensor")
def masked_fill(b: Builder, x: View, mask: Operand, value: Operand) -> View:
    """`value` where mask."""
    return where(b, mask, value, x)


@translates("aten.gelu.default")
def gelu(b: Builder, x: View, approximate: str = "none") -> View:
    """Gaussian error linear unit."""
    return unary(b, "gelu" if approximate == "none" else "gelu_tanh", x)


@translates("aten.softplus.default")
def softplus(b: Builder, x: View, beta: float = 1, threshold: float = 20) -> View:
    """log(1 + exp(beta x)) / beta; beyond the threshold it is x in float32 anyway."""
    inner = unary(b, "softplus", _scaled(b, x, beta))
    return inner if beta == 1 else binary(b, "mul", inner, 1 / beta)


@translates("aten.log_sigmoid_forward.default")
def log_sigmoid(b: Builder, x: View) -> tuple[View, None]:
    """The value, and what only its gradient needs."""
    out = b.new(x.shape, torch.float32)
    return b.emit("unary", out, fn="log_sigmoid", x=x), None


@translates("aten.leaky_relu.default")
def leaky_relu(b: Builder, x: View, slope: float = 0.01) -> View:
    """x above 0, slope x below."""
    return where(b, binary_mask(b, "gt", x, 0), x, binary(b, "mul", x, slope))


@translates("aten.elu.default")
def elu(b: Builder, x: View, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> View:
    """scale (x above 0, alpha (exp(input_scale x) - 1) below)."""
    below = binary(b, "mul", unary(b, "expm1", _scaled(b, x, input_scale)), alpha)
    out = where(b, binary_mask(b, "gt", x, 0), x, below)
    return out if scale == 1 else binary(b, "mul", out, scale)


def binary_mask(b: Builder, fn: str, x: View, y: float) -> View:
    """A comparison inside the translation of something else."""
    out = b.new(x.shape, torch.bool)
    return b.emit("binary", out, fn=fn, a=x, b=b.expanded(y, x.shape, torch.float32))


@translates("aten.log2.default")
def log2(b: Builder, x: View) -> View:
    """log(x) / log(2)."""
    return binary(b, "mul", unary(b, "log", x), 1 / math.log(2))


@translates("aten.exp2.default")
def exp2(b: Builder, x: View) -> View:
    """exp(x log(2))."""
    return unary(b, "exp", binary(b, "mul", x, math.log(2)))


@translates("aten.isnan.default")
def isnan(b: Builder, x: View) -> View:
    """Nothing else differs from itself."""
    return b.emit("binary", b.result(), fn="ne", a=x, b=x)


@translates("aten.lerp.Tensor", "aten.lerp.Scalar")
def lerp(b: Builder, x: Operand, y: Operand, weight: Operand) -> View:
    """x + weight (y - x)."""
    return binary(b, "add", x, binary(b, "mul", weight, binary(b, "sub", y, x)))


@translates("aten.addcmul.default")
def addcmul(b: Builder, x: Operand, y: Operand, z: Operand, value: float = 1) -> View:
    """x + value y z."""
    return binary(b, "add", x, _scaled(b, binary(b, "mul", y, z), value))


@translates("aten.addcdiv.default")
def addcdiv(b: Builder, x: Operand, y: Operand, z: Operand, value: float = 1) -> View:
    """x + value y / z."""
    return binary(b, "add", x, _scaled(b, div(b, y, z), value))

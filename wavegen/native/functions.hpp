// The elementwise functions and activations of FORMAT.md, by number.
#pragma once

namespace wg {

// `fn` of the operation `unary`.
enum class Unary {
    neg,
    abs,
    not_,
    exp,
    expm1,
    log,
    log1p,
    sqrt,
    rsqrt,
    reciprocal,
    tanh,
    sigmoid,
    relu,
    silu,
    gelu,
    gelu_tanh,
    softplus,
    log_sigmoid,
    sin,
    cos,
    erf,
    ndtri,
    floor,
    ceil,
    round,
    trunc,
    sign,
    square,
};

// `act` of the operation `product`.
enum class Act { none, relu, tanh, sigmoid, silu, gelu, gelu_tanh, gate };

}  // namespace wg

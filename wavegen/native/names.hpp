// Operations and functions by the names that FORMAT.md gives them.
#pragma once

#include <cstddef>
#include <string_view>

#include "code.hpp"

namespace wg {

// Each in the order of its enumeration.
inline constexpr std::string_view kinds[] = {
    "product", "unary",      "binary",      "where",  "copy",        "convert",      "reduce",
    "softmax", "layer_norm", "cumsum",      "matmul", "gather_rows", "scatter_rows", "gather",
    "scatter", "delay_read", "delay_write", "temper", "draw_class",  "sample",       "unless",
};
inline constexpr std::string_view unaries[] = {
    "neg",   "abs",       "not",        "exp",         "expm1",   "log",  "log1p",
    "sqrt",  "rsqrt",     "reciprocal", "tanh",        "sigmoid", "relu", "silu",
    "gelu",  "gelu_tanh", "softplus",   "log_sigmoid", "sin",     "cos",  "erf",
    "ndtri", "floor",     "ceil",       "round",       "trunc",   "sign", "square",
};
inline constexpr std::string_view binaries[] = {
    "add", "sub", "mul", "min", "max", "div", "pow", "mod", "floordiv",
    "lt",  "le",  "gt",  "ge",  "eq",  "ne",  "and", "or",  "xor",
};
inline constexpr std::string_view reductions[] = {
    "sum", "mean", "max", "min", "prod", "argmax", "argmin", "any", "all",
};
inline constexpr std::string_view activations[] = {
    "none", "relu", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "gate",
};

constexpr std::string_view kind_name(Kind kind) { return kinds[static_cast<std::size_t>(kind)]; }

}  // namespace wg

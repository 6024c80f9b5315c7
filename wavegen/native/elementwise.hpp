// Plays the operations that work element by element: unary, binary, where, copy, convert.
#pragma once

#include <math.h>

#include "lane.hpp"
#include "simd.hpp"
#include "vmath.hpp"

namespace wg::WG_ISA {

// Wrapping, as the processor does it: overflow of what a file says must not be undefined.
inline std::int64_t wrapped(std::uint64_t value) { return static_cast<std::int64_t>(value); }
inline std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }
inline std::int64_t negated(std::int64_t value) { return wrapped(0 - bits(value)); }

inline std::int64_t floor_divided(std::int64_t a, std::int64_t b) {
    if (b == 0) return 0;
    if (b == -1) return negated(a);  // the one quotient that may overflow
    const std::int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

inline std::int64_t modulo(std::int64_t a, std::int64_t b) {
    if (b == 0 || b == -1) return 0;
    const std::int64_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

// With the sign of the divisor.
inline float modulo(float a, float b) {
    const float rest = ::fmodf(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

inline std::int64_t truncated(float value) {
    // What lies outside becomes the lowest integer, as in PyTorch on x86.
    const bool inside = value >= -0x1p63f && value < 0x1p63f;
    return inside ? static_cast<std::int64_t>(value) : INT64_MIN;
}

// NaN wins; for numbers and for vectors of them.
template <class T>
inline T smaller(T a, T b) {
    return ((a < b) | (a != a)) ? a : b;
}

template <class T>
inline T larger(T a, T b) {
    return ((a > b) | (a != a)) ? a : b;
}

// Unary -------------------------------------------------------------------------------------------

inline void unary_row(Unary fn, const float* x, std::int64_t x_stride, float* out,
                      std::int64_t out_stride, std::int64_t n) {
    if (x_stride == 1 && out_stride == 1) {
        unary(fn, x, out, static_cast<std::size_t>(n));
        return;
    }
    constexpr std::int64_t part = 64;
    float dense[part];
    for (std::int64_t i = 0; i < n; i += part) {
        const std::int64_t count = n - i < part ? n - i : part;
        copy(x + i * x_stride, x_stride, dense, 1, count);
        unary(fn, dense, dense, static_cast<std::size_t>(count));
        copy<float>(dense, 1, out + i * out_stride, out_stride, count);
    }
}

inline std::int64_t unary_of(Unary fn, std::int64_t x) {
    switch (fn) {
        case Unary::neg:
            return negated(x);
        case Unary::abs:
            return x < 0 ? negated(x) : x;
        default:
            return x == 0;  // not
    }
}

inline void play_unary(const Elementwise& op, const Lane& lane) {
    const Loop& loop = op.loop;
    const auto fn = static_cast<Unary>(op.fn);
    std::byte* const first[] = {at<std::byte>(lane, op.at[0]), at<std::byte>(lane, op.at[1])};
    if (op.type == Type::f32) {
        walk(loop, first, [&](std::byte* const* row) {
            unary_row(fn, reinterpret_cast<const float*>(row[0]), loop.row_stride[0],
                      reinterpret_cast<float*>(row[1]), loop.row_stride[1], loop.n);
        });
    } else {
        walk(loop, first, [&](std::byte* const* row) {
            const auto* x = reinterpret_cast<const std::int64_t*>(row[0]);
            auto* out = reinterpret_cast<std::int64_t*>(row[1]);
            for (std::int64_t i = 0; i < loop.n; ++i)
                out[i * loop.row_stride[1]] = unary_of(fn, x[i * loop.row_stride[0]]);
        });
    }
}

// Binary ------------------------------------------------------------------------------------------

// out = f(a, b) for any types, one element after the other.
template <class In, class Out, class F>
inline void each_pair(const Elementwise& op, const Lane& lane, F f) {
    const Loop& loop = op.loop;
    std::byte* const first[] = {at<std::byte>(lane, op.at[0]), at<std::byte>(lane, op.at[1]),
                                at<std::byte>(lane, op.at[2])};
    walk(loop, first, [&](std::byte* const* row) {
        const auto* a = reinterpret_cast<const In*>(row[0]);
        const auto* b = reinterpret_cast<const In*>(row[1]);
        auto* out = reinterpret_cast<Out*>(row[2]);
        const std::int64_t a_stride = loop.row_stride[0];
        const std::int64_t b_stride = loop.row_stride[1];
        const std::int64_t out_stride = loop.row_stride[2];
        for (std::int64_t i = 0; i < loop.n; ++i)
            out[i * out_stride] = static_cast<Out>(f(a[i * a_stride], b[i * b_stride]));
    });
}

// The same for a function that takes numbers and vectors alike, by vectors where rows are dense.
template <class F>
inline void each_pair_by_vectors(const Elementwise& op, const Lane& lane, F f) {
    const Loop& loop = op.loop;
    std::byte* const first[] = {at<std::byte>(lane, op.at[0]), at<std::byte>(lane, op.at[1]),
                                at<std::byte>(lane, op.at[2])};
    const bool dense = loop.row_stride[2] == 1;
    const auto n = static_cast<std::size_t>(loop.n);
    const std::int64_t a_stride = loop.row_stride[0];
    const std::int64_t b_stride = loop.row_stride[1];
    if (dense && a_stride == 1 && b_stride == 1) {
        walk(loop, first, [&](std::byte* const* row) {
            map2(reinterpret_cast<const float*>(row[0]), reinterpret_cast<const float*>(row[1]),
                 reinterpret_cast<float*>(row[2]), n, f);
        });
    } else if (dense && a_stride == 1 && b_stride == 0) {
        walk(loop, first, [&](std::byte* const* row) {
            const Float b = splat(*reinterpret_cast<const float*>(row[1]));
            map(reinterpret_cast<const float*>(row[0]), reinterpret_cast<float*>(row[2]), n,
                [&](Float a) { return f(a, b); });
        });
    } else if (dense && a_stride == 0 && b_stride == 1) {
        walk(loop, first, [&](std::byte* const* row) {
            const Float a = splat(*reinterpret_cast<const float*>(row[0]));
            map(reinterpret_cast<const float*>(row[1]), reinterpret_cast<float*>(row[2]), n,
                [&](Float b) { return f(a, b); });
        });
    } else {
        each_pair<float, float>(op, lane, f);
    }
}

inline void play_binary_f32(const Elementwise& op, const Lane& lane) {
    switch (static_cast<Binary>(op.fn)) {
        case Binary::add:
            return each_pair_by_vectors(op, lane, [](auto a, auto b) { return a + b; });
        case Binary::sub:
            return each_pair_by_vectors(op, lane, [](auto a, auto b) { return a - b; });
        case Binary::mul:
            return each_pair_by_vectors(op, lane, [](auto a, auto b) { return a * b; });
        case Binary::div:
            return each_pair_by_vectors(op, lane, [](auto a, auto b) { return a / b; });
        case Binary::min:
            return each_pair_by_vectors(op, lane, [](auto a, auto b) { return smaller(a, b); });
        case Binary::max:
            return each_pair_by_vectors(op, lane, [](auto a, auto b) { return larger(a, b); });
        case Binary::pow:
            return each_pair<float, float>(op, lane, [](float a, float b) { return ::powf(a, b); });
        case Binary::mod:
            return each_pair<float, float>(op, lane, [](float a, float b) { return modulo(a, b); });
        case Binary::lt:
            return each_pair<float, std::int64_t>(op, lane, [](float a, float b) { return a < b; });
        case Binary::le:
            return each_pair<float, std::int64_t>(op, lane,
                                                  [](float a, float b) { return a <= b; });
        case Binary::gt:
            return each_pair<float, std::int64_t>(op, lane, [](float a, float b) { return a > b; });
        case Binary::ge:
            return each_pair<float, std::int64_t>(op, lane,
                                                  [](float a, float b) { return a >= b; });
        case Binary::eq:
            return each_pair<float, std::int64_t>(op, lane,
                                                  [](float a, float b) { return a == b; });
        case Binary::ne:
            return each_pair<float, std::int64_t>(op, lane,
                                                  [](float a, float b) { return a != b; });
        default:
            return;  // the reader lets no other through
    }
}

template <class F>
inline void each_whole_pair(const Elementwise& op, const Lane& lane, F f) {
    each_pair<std::int64_t, std::int64_t>(op, lane, f);
}

inline void play_binary_i64(const Elementwise& op, const Lane& lane) {
    using Whole = std::int64_t;
    switch (static_cast<Binary>(op.fn)) {
        case Binary::add:
            return each_whole_pair(op, lane,
                                   [](Whole a, Whole b) { return wrapped(bits(a) + bits(b)); });
        case Binary::sub:
            return each_whole_pair(op, lane,
                                   [](Whole a, Whole b) { return wrapped(bits(a) - bits(b)); });
        case Binary::mul:
            return each_whole_pair(op, lane,
                                   [](Whole a, Whole b) { return wrapped(bits(a) * bits(b)); });
        case Binary::min:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a < b ? a : b; });
        case Binary::max:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a > b ? a : b; });
        case Binary::mod:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return modulo(a, b); });
        case Binary::floordiv:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return floor_divided(a, b); });
        case Binary::lt:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a < b; });
        case Binary::le:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a <= b; });
        case Binary::gt:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a > b; });
        case Binary::ge:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a >= b; });
        case Binary::eq:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a == b; });
        case Binary::ne:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a != b; });
        case Binary::and_:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a & b; });
        case Binary::or_:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a | b; });
        case Binary::xor_:
            return each_whole_pair(op, lane, [](Whole a, Whole b) { return a ^ b; });
        default:
            return;  // the reader lets no other through
    }
}

// Where, copy, convert ----------------------------------------------------------------------------

template <class T>
inline void play_where(const Elementwise& op, const Lane& lane) {
    const Loop& loop = op.loop;
    std::byte* const first[] = {at<std::byte>(lane, op.at[0]), at<std::byte>(lane, op.at[1]),
                                at<std::byte>(lane, op.at[2]), at<std::byte>(lane, op.at[3])};
    walk(loop, first, [&](std::byte* const* row) {
        const auto* cond = reinterpret_cast<const std::int64_t*>(row[0]);
        const auto* a = reinterpret_cast<const T*>(row[1]);
        const auto* b = reinterpret_cast<const T*>(row[2]);
        auto* out = reinterpret_cast<T*>(row[3]);
        for (std::int64_t i = 0; i < loop.n; ++i) {
            const T value = cond[i * loop.row_stride[0]] != 0 ? a[i * loop.row_stride[1]]
                                                              : b[i * loop.row_stride[2]];
            out[i * loop.row_stride[3]] = value;
        }
    });
}

template <class T>
inline void play_copy(const Elementwise& op, const Lane& lane) {
    const Loop& loop = op.loop;
    std::byte* const first[] = {at<std::byte>(lane, op.at[0]), at<std::byte>(lane, op.at[1])};
    walk(loop, first, [&](std::byte* const* row) {
        copy(reinterpret_cast<const T*>(row[0]), loop.row_stride[0], reinterpret_cast<T*>(row[1]),
             loop.row_stride[1], loop.n);
    });
}

template <class From, class To, class F>
inline void play_convert(const Elementwise& op, const Lane& lane, F f) {
    const Loop& loop = op.loop;
    std::byte* const first[] = {at<std::byte>(lane, op.at[0]), at<std::byte>(lane, op.at[1])};
    walk(loop, first, [&](std::byte* const* row) {
        const auto* x = reinterpret_cast<const From*>(row[0]);
        auto* out = reinterpret_cast<To*>(row[1]);
        for (std::int64_t i = 0; i < loop.n; ++i)
            out[i * loop.row_stride[1]] = f(x[i * loop.row_stride[0]]);
    });
}

inline void play_binary(const Elementwise& op, const Lane& lane) {
    op.type == Type::f32 ? play_binary_f32(op, lane) : play_binary_i64(op, lane);
}

inline void play_where(const Elementwise& op, const Lane& lane) {
    op.type == Type::f32 ? play_where<float>(op, lane) : play_where<std::int64_t>(op, lane);
}

inline void play_copy(const Elementwise& op, const Lane& lane) {
    op.type == Type::f32 ? play_copy<float>(op, lane) : play_copy<std::int64_t>(op, lane);
}

inline void play_convert(const Elementwise& op, const Lane& lane) {
    if (op.type == Type::f32)
        play_convert<float, std::int64_t>(op, lane, [](float x) { return truncated(x); });
    else
        play_convert<std::int64_t, float>(op, lane,
                                          [](std::int64_t x) { return static_cast<float>(x); });
}

}  // namespace wg::WG_ISA

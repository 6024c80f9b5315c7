// Plays the operations on rows: reduce, softmax, layer_norm, cumsum.
#pragma once

#include <math.h>

#include "alignment.hpp"
#include "draw.hpp"
#include "elementwise.hpp"
#include "lane.hpp"
#include "simd.hpp"

namespace wg::WG_ISA {

// A row in and a row out as dense arrays, wherever they lie.
inline std::size_t dense_row_bytes(std::int64_t n) {
    return round_up(static_cast<std::size_t>(n) * sizeof(float));
}

// Sums, products and extremes of a dense row -----------------------------------------------------

// `f` folds vectors, and numbers that are left over; the order depends on n alone.
template <class F>
inline float folded(const float* x, std::int64_t n, F f) {
    float result = x[0];
    std::int64_t i = 1;
    if (n >= lanes) {
        Float parts = load(x);
        for (i = lanes; i + lanes <= n; i += lanes) parts = f(parts, load(x + i));
        result = parts[0];
        for (int lane = 1; lane < lanes; ++lane)
            result = f(result, static_cast<float>(parts[lane]));
    }
    for (; i < n; ++i) result = f(result, x[i]);
    return result;
}

inline float row_sum(const float* x, std::int64_t n) {
    return folded(x, n, [](auto a, auto b) { return a + b; });
}

// The first of the best; a NaN is better than any number.
template <class Better>
inline std::int64_t place_of_best(const float* x, std::int64_t n, Better better) {
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < n; ++i) {
        const bool first_nan = x[i] != x[i] && x[best] == x[best];
        if (first_nan || better(x[i], x[best])) best = i;
    }
    return best;
}

inline float reduced(Reduce fn, const float* x, std::int64_t n) {
    switch (fn) {
        case Reduce::mean:
            return row_sum(x, n) / static_cast<float>(n);
        case Reduce::max:
            return folded(x, n, [](auto a, auto b) { return larger(a, b); });
        case Reduce::min:
            return folded(x, n, [](auto a, auto b) { return smaller(a, b); });
        case Reduce::prod:
            return folded(x, n, [](auto a, auto b) { return a * b; });
        default:
            return row_sum(x, n);
    }
}

inline std::int64_t reduced(Reduce fn, const std::int64_t* x, std::int64_t stride, std::int64_t n) {
    std::int64_t sum = 0;
    std::int64_t n_true = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        sum = wrapped(bits(sum) + bits(x[i * stride]));
        n_true += x[i * stride] != 0;
    }
    switch (fn) {
        case Reduce::any:
            return n_true > 0;
        case Reduce::all:
            return n_true == n;
        default:
            return sum;
    }
}

// The operations ---------------------------------------------------------------------------------

// Calls row(x, out) with a dense row of floats, and the row of the result wherever it lies.
template <class Row>
inline void each_row_in(const RowWise& op, const Lane& lane, Row row) {
    const Loop& loop = op.loop;
    auto* dense = reinterpret_cast<float*>(lane.work);
    std::byte* const first[] = {at<std::byte>(lane, op.x), at<std::byte>(lane, op.out)};
    walk(loop, first, [&](std::byte* const* place) {
        const auto* x = reinterpret_cast<const float*>(place[0]);
        if (loop.row_stride[0] != 1) {
            copy(x, loop.row_stride[0], dense, 1, loop.n);
            x = dense;
        }
        row(x, place[1]);
    });
}

// The same with a dense row of floats for the result, too.
template <class Row>
inline void each_row(const RowWise& op, const Lane& lane, Row row) {
    const Loop& loop = op.loop;
    auto* dense = reinterpret_cast<float*>(lane.work + dense_row_bytes(loop.n));
    each_row_in(op, lane, [&](const float* x, std::byte* place) {
        auto* out = reinterpret_cast<float*>(place);
        if (loop.row_stride[1] == 1) {
            row(x, out);
        } else {
            row(x, dense);
            copy<float>(dense, 1, out, loop.row_stride[1], loop.n);
        }
    });
}

inline void play_reduce(const RowWise& op, const Lane& lane) {
    const Loop& loop = op.loop;
    if (op.type == Type::i64) {
        std::byte* const first[] = {at<std::byte>(lane, op.x), at<std::byte>(lane, op.out)};
        walk(loop, first, [&](std::byte* const* place) {
            const auto* x = reinterpret_cast<const std::int64_t*>(place[0]);
            *reinterpret_cast<std::int64_t*>(place[1]) =
                reduced(op.fn, x, loop.row_stride[0], loop.n);
        });
    } else if (op.fn == Reduce::argmax || op.fn == Reduce::argmin) {
        const bool most = op.fn == Reduce::argmax;
        each_row_in(op, lane, [&](const float* x, std::byte* out) {
            *reinterpret_cast<std::int64_t*>(out) =
                most ? place_of_best(x, loop.n, [](float a, float b) { return a > b; })
                     : place_of_best(x, loop.n, [](float a, float b) { return a < b; });
        });
    } else {
        each_row_in(op, lane, [&](const float* x, std::byte* out) {
            *reinterpret_cast<float*>(out) = reduced(op.fn, x, loop.n);
        });
    }
}

inline void play_softmax(const RowWise& op, const Lane& lane) {
    const std::int64_t n = op.loop.n;
    const auto count = static_cast<std::size_t>(n);
    each_row(op, lane, [&](const float* x, float* out) {
        const Float best = splat(folded(x, n, [](auto a, auto b) { return larger(a, b); }));
        map(x, out, count, [&](Float v) { return exp(v - best); });
        const float whole = row_sum(out, n);
        if (op.log) {
            const Float above = splat(::logf(whole));
            map(x, out, count, [&](Float v) { return v - best - above; });
        } else {
            const Float divisor = splat(whole);
            map(out, out, count, [&](Float v) { return v / divisor; });
        }
    });
}

inline void play_layer_norm(const RowWise& op, const Lane& lane) {
    const std::int64_t n = op.loop.n;
    const auto count = static_cast<std::size_t>(n);
    const auto* weight = at<const float>(lane, op.weight);
    const auto* bias = at<const float>(lane, op.bias);
    each_row(op, lane, [&](const float* x, float* out) {
        const Float mean = splat(row_sum(x, n) / static_cast<float>(n));
        map(x, out, count, [&](Float v) { return (v - mean) * (v - mean); });
        const float variance = row_sum(out, n) / static_cast<float>(n);
        const Float scale = splat(1.0f / ::sqrtf(variance + op.eps));
        map(x, out, count, [&](Float v) { return (v - mean) * scale; });
        const auto with = [&](const float* y, std::int32_t stride, auto f) {
            if (y == nullptr) return;
            if (stride == 1) return map2(out, y, out, count, f);
            for (std::int64_t i = 0; i < n; ++i) out[i] = f(out[i], y[i * stride]);
        };
        with(weight, op.weight_stride, [](auto v, auto w) { return v * w; });
        with(bias, op.bias_stride, [](auto v, auto b) { return v + b; });
    });
}

template <class T, class Add>
inline void running_sums(const RowWise& op, const Lane& lane, Add add) {
    const Loop& loop = op.loop;
    std::byte* const first[] = {at<std::byte>(lane, op.x), at<std::byte>(lane, op.out)};
    walk(loop, first, [&](std::byte* const* place) {
        const auto* x = reinterpret_cast<const T*>(place[0]);
        auto* out = reinterpret_cast<T*>(place[1]);
        T sum = 0;
        for (std::int64_t i = 0; i < loop.n; ++i) {
            sum = add(sum, x[i * loop.row_stride[0]]);
            out[i * loop.row_stride[1]] = sum;
        }
    });
}

inline void play_cumsum(const RowWise& op, const Lane& lane) {
    if (op.type == Type::f32)
        running_sums<float>(op, lane, [](float a, float b) { return a + b; });
    else
        running_sums<std::int64_t>(
            op, lane, [](std::int64_t a, std::int64_t b) { return wrapped(bits(a) + bits(b)); });
}

}  // namespace wg::WG_ISA

// Plays the operation matmul: products of things that are not weights, such as attention's.
#pragma once

#include "lane.hpp"
#include "simd.hpp"

namespace wg::WG_ISA {

// Rows of `width` vectors, the last one of `part` values unless all are whole. Terms go into two
// sums by turns, so that an addition need not wait for the one before.
template <int width, bool whole>
inline void matmul_columns(const Matmul& op, const float* a, const float* b, float* out,
                           std::size_t part) {
    const auto row = [&](std::int64_t k, int j) {
        const float* values = b + k * op.b_stride[1] + j * lanes;
        return whole || j < width - 1 ? load(values) : load_part(values, part);
    };
    for (std::int64_t i = 0; i < op.m; ++i, a += op.a_stride[1], out += op.out_stride[1]) {
        Float even[width], odd[width];
        for (int j = 0; j < width; ++j) even[j] = odd[j] = splat(0.0f);
        std::int64_t k = 0;
        for (; k + 2 <= op.k; k += 2) {
            const Float first = splat(a[k * op.a_stride[2]]);
            const Float second = splat(a[(k + 1) * op.a_stride[2]]);
            for (int j = 0; j < width; ++j) {
                even[j] = multiply_add(first, row(k, j), even[j]);
                odd[j] = multiply_add(second, row(k + 1, j), odd[j]);
            }
        }
        if (k < op.k)
            for (int j = 0; j < width; ++j)
                even[j] = multiply_add(splat(a[k * op.a_stride[2]]), row(k, j), even[j]);
        for (int j = 0; j < width; ++j) {
            const Float sum = even[j] + odd[j];
            if (whole || j < width - 1)
                store(out + j * lanes, sum);
            else
                store_part(out + j * lanes, sum, part);
        }
    }
}

// One product, where rows of b and of the result are dense: two vectors of columns after the other.
inline void matmul_rows(const Matmul& op, const float* a, const float* b, float* out) {
    std::int64_t j = 0;
    for (; j + 2 * lanes <= op.n; j += 2 * lanes)
        matmul_columns<2, true>(op, a, b + j, out + j, 0);
    const std::int64_t left = op.n - j;
    const auto part = static_cast<std::size_t>(left % lanes);
    if (left > lanes)
        matmul_columns<2, false>(op, a, b + j, out + j, part);
    else if (left == lanes)
        matmul_columns<1, true>(op, a, b + j, out + j, 0);
    else if (left > 0)
        matmul_columns<1, false>(op, a, b + j, out + j, part);
}

// One value of the result, where rows of a and columns of b are dense.
inline float dot(const float* a, const float* b, std::int64_t n) {
    Float sums = splat(0.0f);
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes) sums = multiply_add(load(a + i), load(b + i), sums);
    if (i < n) {
        const auto count = static_cast<std::size_t>(n - i);
        sums = multiply_add(load_part(a + i, count), load_part(b + i, count), sums);
    }
    return total(sums);
}

inline float strided_dot(const float* a, std::int64_t a_stride, const float* b,
                         std::int64_t b_stride, std::int64_t n) {
    float sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += a[i * a_stride] * b[i * b_stride];
    return sum;
}

inline void play_matmul(const Matmul& op, const Lane& lane) {
    const bool dense_rows = (op.b_stride[2] == 1 && op.out_stride[2] == 1) && op.n > 1;
    const bool dense_dots = op.a_stride[2] == 1 && op.b_stride[1] == 1;
    for (std::int64_t batch = 0; batch < op.batch; ++batch) {
        const float* first = at<const float>(lane, op.a) + batch * op.a_stride[0];
        const float* b = at<const float>(lane, op.b) + batch * op.b_stride[0];
        float* result = at<float>(lane, op.out) + batch * op.out_stride[0];
        if (dense_rows) {
            matmul_rows(op, first, b, result);
            continue;
        }
        for (std::int64_t i = 0; i < op.m; ++i) {
            const float* a = first + i * op.a_stride[1];
            float* out = result + i * op.out_stride[1];
            for (std::int64_t j = 0; j < op.n; ++j) {
                const float* column = b + j * op.b_stride[2];
                out[j * op.out_stride[2]] =
                    dense_dots ? dot(a, column, op.k)
                               : strided_dot(a, op.a_stride[2], column, op.b_stride[1], op.k);
            }
        }
    }
}

}  // namespace wg::WG_ISA

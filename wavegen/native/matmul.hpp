// Plays the operation matmul: products of things that are not weights, such as attention's.
#pragma once

#include "lane.hpp"
#include "simd.hpp"

namespace wg::WG_ISA {

// One row of the result, where rows of b and of the result are dense.
inline void matmul_row(const Matmul& op, const float* a, const float* b, float* out) {
    for (std::int64_t j = 0; j < op.n; j += lanes) {
        const auto count = static_cast<std::size_t>(op.n - j < lanes ? op.n - j : lanes);
        Float sum = splat(0.0f);
        for (std::int64_t k = 0; k < op.k; ++k) {
            const float* values = b + k * op.b_stride[1] + j;
            const Float row = count == lanes ? load(values) : load_part(values, count);
            sum = multiply_add(splat(a[k * op.a_stride[2]]), row, sum);
        }
        if (count == lanes)
            store(out + j, sum);
        else
            store_part(out + j, sum, count);
    }
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
        const float* b = at<const float>(lane, op.b) + batch * op.b_stride[0];
        for (std::int64_t i = 0; i < op.m; ++i) {
            const float* a =
                at<const float>(lane, op.a) + batch * op.a_stride[0] + i * op.a_stride[1];
            float* out = at<float>(lane, op.out) + batch * op.out_stride[0] + i * op.out_stride[1];
            if (dense_rows) {
                matmul_row(op, a, b, out);
                continue;
            }
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

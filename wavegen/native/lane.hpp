// How the interpreter reaches the operands of one voice.
#pragma once

#include "build.hpp"

namespace wg::WG_ISA {

// Null for an operand that is left out.
template <class T>
inline T* at(const Lane& lane, Place place) {
    return reinterpret_cast<T*>(lane.space[static_cast<int>(place.space)] + place.offset);
}

// Copies n elements over any strides.
template <class T>
inline void copy(const T* x, std::int64_t x_stride, T* out, std::int64_t out_stride,
                 std::int64_t n) {
    if (x_stride == 1 && out_stride == 1) {
        __builtin_memcpy(out, x, static_cast<std::size_t>(n) * sizeof(T));
        return;
    }
    for (std::int64_t i = 0; i < n; ++i) out[i * out_stride] = x[i * x_stride];
}

// Calls `row` with the arrays' places in each row of a loop.
template <int arrays, class Row>
inline void walk(const Loop& loop, std::byte* const (&first)[arrays], Row row) {
    std::byte* at[arrays];
    for (int a = 0; a < arrays; ++a) at[a] = first[a];
    std::int32_t passed[max_rank] = {};
    for (;;) {
        row(at);
        int d = loop.rank - 1;
        for (; d >= 0; --d) {
            for (int a = 0; a < arrays; ++a) at[a] += loop.stride[a][d];
            if (++passed[d] < loop.shape[d]) break;
            for (int a = 0; a < arrays; ++a)
                at[a] -= std::int64_t{loop.stride[a][d]} * loop.shape[d];
            passed[d] = 0;
        }
        if (d < 0) return;
    }
}

}  // namespace wg::WG_ISA

// A packed matrix as the kernels read it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wg {

enum class Precision { float32, bfloat16, int8 };

struct Weight {
    Precision precision;
    int n;                        // rows: outputs
    int k;                        // columns: inputs
    const std::byte* packed;      // made by `pack` of the same build; aligned to 64 bytes
    const float* scale;           // (n), only with int8
    const std::int32_t* row_sum;  // (n), only with int8: the sum of each row's integers
};

}  // namespace wg

// One build of the kernels and the interpreter: what isa.cpp compiles for a kind of processor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "code.hpp"
#include "wavegen.h"

namespace wg {

// One voice of a block while it is played.
struct Lane {
    std::byte* space[n_spaces + 1];  // by Space; that of Space::none is null
    std::byte* work;                 // as much as Build::plan_work asked for
    wg_voice* voice;
};

enum class FaultKind : std::uint8_t { none, index, symbol };

// What stopped a run. `limit`: the values below it would have been right.
struct Fault {
    FaultKind kind = FaultKind::none;
    std::size_t op = 0;
    std::size_t lane = 0;
    std::size_t step = 0;
    std::int64_t value = 0;
    std::int64_t limit = 0;
};

struct Build {
    const char* name;
    int max_lanes;  // of one block
    std::size_t (*packed_bytes)(Precision precision, int n, int k);
    void (*pack)(Precision precision, int n, int k, const void* rows, std::byte* packed);
    void (*row_sums)(int n, int k, const void* rows, std::int32_t* sums);
    // Lay out the working memory of an operation; returns the bytes that a lane needs for it.
    std::size_t (*plan_work)(Op& op);
    Fault (*run)(const Code& code, const Lane* lanes, std::size_t n_lanes, std::size_t n_steps);
    std::uint64_t (*read)(const std::byte* bytes, std::size_t n_bytes);
    void (*unary)(Unary fn, const float* x, float* out, std::size_t n);
    void (*uniforms)(std::uint64_t seed, std::uint64_t step, std::size_t n, float* out);
};

}  // namespace wg

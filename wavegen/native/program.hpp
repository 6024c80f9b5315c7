// A program that has been opened: checked, decoded, its matrices packed for one build.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "buffer.hpp"
#include "build.hpp"
#include "code.hpp"

namespace wg {

struct Program {
    std::string header;
    const Build* build = nullptr;

    std::vector<Op> ops;
    std::vector<DelayRow> delay_rows;
    std::vector<Weight> weights;
    Buffer constant;
    Buffer packed;  // all matrices, in the order in which a step reads them
    std::vector<float> scales;
    std::vector<std::int32_t> row_sums;
    Code code{};  // points into all of these

    std::size_t state_bytes = 0;
    std::size_t scratch_bytes = 0;
    std::size_t work_bytes = 0;  // of a lane
    std::uint64_t n_macs = 0;
    std::vector<Buffer> voices;
};

}  // namespace wg

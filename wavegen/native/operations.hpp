// Decodes and checks the operations of a program; what passes can touch nothing outside its spaces.
#pragma once

#include <cstdint>
#include <vector>

#include "code.hpp"
#include "container.hpp"
#include "json.hpp"
#include "matrices.hpp"
#include "operands.hpp"

namespace wg {

class Operations {
public:
    Operations(const Container& container, Spaces spaces);

    // Decode the list, or throw Error with the number of the operation that is wrong.
    void decode(JsonValue list);

    std::vector<Op> ops;
    std::vector<DelayRow> delay_rows;
    Matrices matrices;
    std::uint64_t n_macs = 0;

private:
    friend class Operation;

    // How many operations an `unless` that is being decoded passes over.
    std::uint32_t enter(Fields& fields);

    Spaces spaces_;
    std::vector<std::size_t> ends_;  // of the list, and of each `unless` around the next operation
};

}  // namespace wg

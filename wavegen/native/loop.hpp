// From views of one shape to the shortest walk over them.
#pragma once

#include <initializer_list>

#include "code.hpp"
#include "view.hpp"

namespace wg {

Place place_of(const View& view);

// A walk over these views of one shape, in row-major order of that shape.
Loop loop_over(std::initializer_list<View> arrays);

// The same in the order in which the last view lies in memory, where no order is asked for.
Loop loop_in_memory_order(std::initializer_list<View> arrays);

// A walk that keeps the last dimension as its row.
Loop loop_over_rows(std::initializer_list<View> arrays);

}  // namespace wg

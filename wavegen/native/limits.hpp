// What a program may ask for at most: more is damage, or malice.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wg {

constexpr std::size_t max_ops = 1000000;
constexpr std::size_t max_nesting = 64;  // of `unless` in one another
constexpr std::int64_t max_width = std::int64_t{1} << 24;   // of a matrix, a row, a distribution
constexpr std::int64_t max_values = std::int64_t{1} << 20;  // of an event, noise, parameters
constexpr int max_int8_columns = 32768;  // sums and what is taken from them stay below 2^31

}  // namespace wg

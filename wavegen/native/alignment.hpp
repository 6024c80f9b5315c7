// Memory is laid out in whole cache lines.
#pragma once

#include <cstddef>

namespace wg {

constexpr std::size_t cache_line = 64;

// static: every build has its own copy (see isa.cpp).
static constexpr std::size_t round_up(std::size_t n_bytes) {
    return (n_bytes + cache_line - 1) / cache_line * cache_line;
}

}  // namespace wg

// Opens a program file of FORMAT.md.
#pragma once

#include <cstddef>
#include <memory>

#include "program.hpp"

namespace wg {

// Throws Error where the file is damaged or asks for what cannot be.
std::unique_ptr<Program> read_program(const std::byte* bytes, std::size_t n_bytes,
                                      const Build& build);

}  // namespace wg

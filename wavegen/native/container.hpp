// The safetensors container: named tensors behind a JSON header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wg {

struct Tensor {
    std::string type;  // "F32", "BF16", "I8" or "U8"
    std::vector<std::int64_t> shape;
    const std::byte* data;  // in the file, so of any alignment
    std::size_t n_bytes;
};

struct Container {
    std::string program;  // the JSON text
    std::map<std::string, Tensor, std::less<>> tensors;

    // Null where there is none.
    const Tensor* find(std::string_view name) const;
};

// Throws Error where the bytes are no program file. The tensors point into them.
Container read_container(const std::byte* bytes, std::size_t n_bytes);

}  // namespace wg

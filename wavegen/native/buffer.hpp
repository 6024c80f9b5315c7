// Zeroed memory aligned to cache lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "alignment.hpp"

namespace wg {

class Buffer {
public:
    Buffer() = default;

    explicit Buffer(std::size_t n_bytes) : size_(n_bytes) {
        // calloc: pages that are never touched cost nothing, however much a file asks for.
        if (n_bytes > SIZE_MAX - cache_line) throw std::bad_alloc();
        memory_.reset(std::calloc(n_bytes + cache_line, 1));
        if (memory_ == nullptr) throw std::bad_alloc();
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
        data_ = static_cast<std::byte*>(memory_.get()) + (round_up(address) - address);
    }

    std::byte* data() { return data_; }
    const std::byte* data() const { return data_; }
    std::size_t size() const { return size_; }

private:
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };
    std::unique_ptr<void, Free> memory_;
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace wg

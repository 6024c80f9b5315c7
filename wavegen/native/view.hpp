// A strided array in one of a program's spaces, and what can be proved about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace wg {

enum class Space : std::uint8_t { constant, state, scratch, none };
enum class Type : std::uint8_t { f32, i64 };

constexpr int n_spaces = 3;
constexpr int max_rank = 6;
// Of a view and of a stride: a space of the most bytes has no more elements.
constexpr std::int64_t max_elements = std::int64_t{1} << 28;
constexpr std::int64_t max_space_bytes = max_elements * 4;

// static: every build has its own copy (see isa.cpp).
static constexpr std::int64_t type_bytes(Type type) { return type == Type::f32 ? 4 : 8; }

struct View {
    Space space = Space::none;
    Type type = Type::f32;
    int rank = 0;
    std::int64_t offset = 0;  // bytes
    std::int64_t shape[max_rank] = {};
    std::int64_t stride[max_rank] = {};  // elements

    std::int64_t n_elements() const;
    // The bytes from the first to behind the last that it touches.
    std::int64_t begin() const;
    std::int64_t end() const;
    // Whether it is one run of elements in row-major order.
    bool dense() const;
    // Whether two of its elements may share bytes.
    bool repeats() const;
};

bool same_shape(const View& a, const View& b);
// Whether they are one and the same view, whatever the type, of elements of one size.
bool same_place(const View& a, const View& b);
// Whether they are known to share no byte.
bool disjoint(const View& a, const View& b);

// "(4, 16)"
std::string shape_text(const std::int64_t* shape, int rank);

}  // namespace wg

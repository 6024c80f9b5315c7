// The matrices that a program's products name, found in the file and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "container.hpp"
#include "fields.hpp"
#include "weights.hpp"

namespace wg {

struct Matrix {
    Precision precision;
    int n;
    int k;
    const std::byte* rows;   // in the file
    const std::byte* scale;  // in the file; only with int8
};

class Matrices {
public:
    explicit Matrices(const Container& container) : container_(container) {}

    // Its number in `list`; what is wrong is said of `fields`.
    std::uint32_t number(const Fields& fields, std::string_view name);

    std::vector<Matrix> list;  // in the order of their first use

private:
    Matrix find(const Fields& fields, std::string_view name) const;

    const Container& container_;
    std::map<std::string, std::uint32_t, std::less<>> numbers_;
};

}  // namespace wg

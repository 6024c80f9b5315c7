// Decodes and checks the operations of a program; what passes can touch nothing outside its spaces.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "code.hpp"
#include "container.hpp"
#include "fields.hpp"
#include "json.hpp"

namespace wg {

// "product"
std::string_view kind_name(Kind kind);

// The `fn` of this name; false where there is none.
bool unary_named(std::string_view name, Unary& fn);

struct NamedView {
    std::string name;
    View view;
};

struct Matrix {
    Precision precision;
    int n;
    int k;
    const std::byte* rows;  // in the file
    const std::byte* scale; // in the file; only with int8
};

class Operations {
public:
    // `inputs` are written by the runner alone.
    Operations(const Container& container, SpaceSizes sizes, std::vector<NamedView> inputs);

    // Decode the list, or throw Error with the number of the operation that is wrong.
    void decode(JsonValue list);

    std::vector<Op> ops;
    std::vector<DelayRow> delay_rows;
    std::vector<Matrix> matrices; // in the order of their first use
    std::uint64_t n_macs = 0;

private:
    friend class Operation;

    std::uint32_t matrix(const Fields& fields, std::string_view name);

    const Container& container_;
    SpaceSizes sizes_;
    std::vector<NamedView> inputs_;
    std::map<std::string, std::uint32_t, std::less<>> numbers_; // of matrices
};

}  // namespace wg

// The operands of one operation: views that are read and checked, and at the end compared.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "fields.hpp"
#include "view.hpp"

namespace wg {

struct NamedView {
    std::string name;
    View view;
};

// Where the operands of a program may lie.
struct Spaces {
    SpaceSizes sizes;
    std::vector<NamedView> inputs;  // that the runner alone writes
};

class Operands {
public:
    Operands(const Spaces& spaces, Fields of) : fields(std::move(of)), spaces_(spaces) {}

    Fields fields;

    // A field that the operation reads.
    View read(std::string_view name);
    View read(std::string_view name, Type type);
    View read(std::string_view name, Type type, std::initializer_list<std::int64_t> shape);
    // The same for each view of a list.
    std::vector<View> read_list(std::string_view name, std::size_t most);
    // False where it is left out.
    bool read_optional(std::string_view name, View& view);

    // A field that the operation writes.
    View write(std::string_view name);
    View write(std::string_view name, Type type);
    View write(std::string_view name, Type type, std::initializer_list<std::int64_t> shape);

    void check_type(std::string_view name, const View& view, Type type) const;
    void check_shape(std::string_view name, const View& view,
                     std::initializer_list<std::int64_t> shape) const;
    void check_like(std::string_view name, const View& view, const View& model) const;
    void check_rank(std::string_view name, const View& view, int least, int most) const;
    // A dense vector of n floats.
    void check_vector(std::string_view name, const View& view, std::int64_t n) const;
    void check_width(std::string_view name, std::int64_t n) const;

    // Once all is read: nothing unknown is left, and nothing is written while it is still read.
    // Where `in_place`, what is written may be the very view that is read.
    void done(bool in_place) const;

private:
    const Spaces& spaces_;
    std::vector<NamedView> reads_;
    std::vector<NamedView> writes_;
};

std::string_view type_name(Type type);

}  // namespace wg

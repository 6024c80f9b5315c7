// The operands of one operation: views that are read and checked, and at the end compared.
#include "operands.hpp"

#include <algorithm>

#include "limits.hpp"

namespace wg {

std::string_view type_name(Type type) { return type == Type::f32 ? "f32" : "i64"; }

View Operands::read(std::string_view name) {
    reads_.push_back({std::string(name), fields.view(name, spaces_.sizes)});
    return reads_.back().view;
}

View Operands::read(std::string_view name, Type type) {
    const View view = read(name);
    check_type(name, view, type);
    return view;
}

View Operands::read(std::string_view name, Type type, std::initializer_list<std::int64_t> shape) {
    const View view = read(name, type);
    check_shape(name, view, shape);
    return view;
}

bool Operands::read_optional(std::string_view name, View& view) {
    JsonValue value;
    if (!fields.find(name, value)) return false;
    view = fields.view_of(name, value, spaces_.sizes);
    reads_.push_back({std::string(name), view});
    return true;
}

std::vector<View> Operands::read_list(std::string_view name, std::size_t most) {
    std::vector<View> views;
    JsonValue list;
    if (!fields.find(name, list)) return views;
    if (!list.is(JsonKind::array) || list.size() > most)
        fields.bad(name, " is no list of at most ", most, " views");
    for (const auto& value : list.entries()) {
        views.push_back(fields.view_of(name, value, spaces_.sizes));
        reads_.push_back({std::string(name), views.back()});
    }
    return views;
}

View Operands::write(std::string_view name) {
    const View view = fields.view(name, spaces_.sizes);
    if (view.space == Space::constant) fields.bad(name, " lies in const, which is read-only");
    if (view.repeats()) fields.bad(name, " steps on itself: it cannot be written");
    writes_.push_back({std::string(name), view});
    return view;
}

View Operands::write(std::string_view name, Type type) {
    const View view = write(name);
    check_type(name, view, type);
    return view;
}

View Operands::write(std::string_view name, Type type, std::initializer_list<std::int64_t> shape) {
    const View view = write(name, type);
    check_shape(name, view, shape);
    return view;
}

void Operands::check_type(std::string_view name, const View& view, Type type) const {
    if (view.type != type)
        fields.bad(name, " is ", type_name(view.type), ", not ", type_name(type));
}

void Operands::check_shape(std::string_view name, const View& view,
                           std::initializer_list<std::int64_t> shape) const {
    const int rank = static_cast<int>(shape.size());
    if (view.rank != rank || !std::equal(shape.begin(), shape.end(), view.shape))
        fields.bad(name, " has shape ", shape_text(view.shape, view.rank), ", not ",
                   shape_text(shape.begin(), rank));
}

void Operands::check_like(std::string_view name, const View& view, const View& model) const {
    if (!same_shape(view, model))
        fields.bad(name, " has shape ", shape_text(view.shape, view.rank), ", not ",
                   shape_text(model.shape, model.rank));
}

void Operands::check_rank(std::string_view name, const View& view, int least, int most) const {
    if (view.rank < least || view.rank > most)
        fields.bad(name, " has ", view.rank, " dimensions; it must have ", least,
                   least == most ? "" : " or more");
}

void Operands::check_vector(std::string_view name, const View& view, std::int64_t n) const {
    check_type(name, view, Type::f32);
    check_shape(name, view, {n});
    if (!view.dense()) fields.bad(name, " is not dense");
}

void Operands::check_width(std::string_view name, std::int64_t n) const {
    if (n > max_width) fields.bad(name, " has ", n, " values; at most ", max_width, " are played");
}

void Operands::done(bool in_place) const {
    fields.done();
    for (const auto& [name, out] : writes_) {
        for (const auto& [other, in] : reads_) {
            if (disjoint(out, in) || (in_place && same_place(out, in))) continue;
            fields.bad(name, " overlaps ", other, ", which is read while it is written");
        }
        for (const auto& [input, view] : spaces_.inputs)
            if (!disjoint(out, view))
                fields.bad(name, " overlaps the input '", input, "', which no operation may write");
    }
}

}  // namespace wg

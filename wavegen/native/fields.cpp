// The fields of one JSON object of a program, each read once and checked as it is read.
#include "fields.hpp"

#include <algorithm>
#include <cstdlib>

namespace wg {

namespace {

std::string_view kind_name(JsonKind kind) {
    constexpr std::string_view names[] = {"null",   "a truth value", "an integer", "a number",
                                          "a text", "a list",        "an object"};
    return names[static_cast<std::size_t>(kind)];
}

Space space_named(std::string_view name) {
    if (name == "const") return Space::constant;
    if (name == "state") return Space::state;
    if (name == "scratch") return Space::scratch;
    fail("space ", quoted(name), " is none of const, state and scratch");
}

std::int64_t entry(JsonValue value, std::string_view what, std::int64_t least, std::int64_t most) {
    if (!value.is(JsonKind::integer)) fail(what, " is no list of integers");
    if (value.integer() < least || value.integer() > most)
        fail(what, " has an entry ", value.integer(), ", not between ", least, " and ", most);
    return value.integer();
}

View parse(JsonValue value, const SpaceSizes& sizes) {
    if (!value.is(JsonKind::array) || value.size() != 5)
        fail("is no view [space, type, offset, shape, strides]");
    const auto parts = value.entries();
    if (!parts[0].is(JsonKind::text) || !parts[1].is(JsonKind::text))
        fail("space and type are no texts");
    View view;
    view.space = space_named(parts[0].text());
    view.type = type_named(parts[1].text());
    view.offset = entry(parts[2], "offset", 0, max_space_bytes);
    if (view.offset % type_bytes(view.type) != 0)
        fail("offset ", view.offset, " is no multiple of ", type_bytes(view.type));
    if (!parts[3].is(JsonKind::array) || !parts[4].is(JsonKind::array))
        fail("shape and strides are no lists");
    const auto shape = parts[3].entries();
    const auto strides = parts[4].entries();
    if (shape.size() != strides.size() || shape.size() > max_rank)
        fail("has ", shape.size(), " sizes and ", strides.size(),
             " strides; as many of both, and at most ", max_rank, ", are right");
    view.rank = static_cast<int>(shape.size());
    std::int64_t n = 1;
    for (int i = 0; i < view.rank; ++i) {
        const auto at = static_cast<std::size_t>(i);
        view.shape[i] = entry(shape[at], "shape", 1, max_elements);
        const auto stride = entry(strides[at], "strides", -max_elements, max_elements);
        // A stride that is never taken says nothing; two views may differ in it and be the same.
        view.stride[i] = view.shape[i] == 1 ? 0 : stride;
        if (n > max_elements / view.shape[i]) fail("has more than ", max_elements, " elements");
        n *= view.shape[i];
    }
    const std::int64_t size = sizes.bytes[static_cast<int>(view.space)];
    if (view.begin() < 0 || view.end() > size)
        fail("bytes ", view.begin(), " to ", view.end(), " do not lie in ", parts[0].text(), " of ",
             size, " bytes");
    return view;
}

}  // namespace

Type type_named(std::string_view name) {
    if (name == "f32") return Type::f32;
    if (name == "i64") return Type::i64;
    fail("type ", quoted(name), " is none of f32 and i64");
}

Fields::Fields(std::string where, JsonValue object) : where_(std::move(where)), object_(object) {
    if (!object_.is(JsonKind::object)) bad("is no JSON object");
}

bool Fields::find(std::string_view name, JsonValue& value) {
    read_.push_back(name);
    return object_.find(name, value) && !value.is(JsonKind::null);
}

JsonValue Fields::need(std::string_view name, JsonKind kind) {
    JsonValue value;
    if (!find(name, value)) bad(name, " is missing");
    if (!value.is(kind)) bad(name, " is ", kind_name(value.kind()), ", not ", kind_name(kind));
    return value;
}

std::int64_t Fields::integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const std::int64_t value = need(name, JsonKind::integer).integer();
    if (value < least || value > most)
        bad(name, " is ", value, "; it must lie between ", least, " and ", most);
    return value;
}

std::vector<std::int64_t> Fields::integers(std::string_view name) {
    std::vector<std::int64_t> values;
    for (const auto& value : need(name, JsonKind::array).entries()) {
        if (!value.is(JsonKind::integer)) bad(name, " is no list of integers");
        values.push_back(value.integer());
    }
    return values;
}

double Fields::number(std::string_view name) {
    JsonValue value;
    if (!find(name, value)) bad(name, " is missing");
    if (value.is(JsonKind::integer)) return static_cast<double>(value.integer());
    if (!value.is(JsonKind::real)) bad(name, " is ", kind_name(value.kind()), ", not a number");
    return value.real();
}

bool Fields::truth(std::string_view name) {
    JsonValue value;
    if (!find(name, value)) return false;
    if (!value.is(JsonKind::boolean))
        bad(name, " is ", kind_name(value.kind()), ", not true or false");
    return value.boolean();
}

std::string_view Fields::text(std::string_view name) { return need(name, JsonKind::text).text(); }

View Fields::view(std::string_view name, const SpaceSizes& sizes) {
    return view_of(name, need(name, JsonKind::array), sizes);
}

View Fields::view_of(std::string_view name, JsonValue value, const SpaceSizes& sizes) const {
    try {
        return parse(value, sizes);
    } catch (const Error& error) {
        bad(name, ": ", std::string_view(error.what()));
    }
}

void Fields::done() const {
    for (const auto& [name, value] : object_.members())
        if (std::find(read_.begin(), read_.end(), name) == read_.end())
            bad("the field ", quoted(name), " is unknown to this core");
}

}  // namespace wg

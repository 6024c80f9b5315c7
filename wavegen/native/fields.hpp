// The fields of one JSON object of a program, each read once and checked as it is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "json.hpp"
#include "view.hpp"

namespace wg {

struct SpaceSizes {
    std::int64_t bytes[n_spaces];  // by Space
};

class Fields {
public:
    // `where` opens every message, such as "op 17 (product)".
    Fields(std::string where, JsonValue object);

    const std::string& where() const { return where_; }

    template <class... Parts>
    [[noreturn]] void bad(const Parts&... parts) const {
        fail(where_, ": ", parts...);
    }

    // False where the field is absent or null.
    bool find(std::string_view name, JsonValue& value);
    JsonValue need(std::string_view name, JsonKind kind);

    std::int64_t integer(std::string_view name, std::int64_t least, std::int64_t most);
    std::vector<std::int64_t> integers(std::string_view name);
    double number(std::string_view name);
    bool truth(std::string_view name);  // false where it is absent
    std::string_view text(std::string_view name);
    // The place of a text among those allowed.
    template <std::size_t n>
    std::size_t choice(std::string_view name, const std::string_view (&allowed)[n]) {
        const std::string_view value = text(name);
        for (std::size_t i = 0; i < n; ++i)
            if (allowed[i] == value) return i;
        bad(name, " ", quoted(value), " is unknown to this core");
    }

    View view(std::string_view name, const SpaceSizes& sizes);
    View view_of(std::string_view name, JsonValue value, const SpaceSizes& sizes) const;

    // Refuse fields that nobody read: they might change what the operation means.
    void done() const;

private:
    std::string where_;
    JsonValue object_;
    std::vector<std::string_view> read_;
};

Type type_named(std::string_view name);

}  // namespace wg

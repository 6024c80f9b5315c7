// A small strict JSON reader for text that nobody vouches for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wg {

enum class JsonKind : std::uint8_t { null, boolean, integer, real, text, array, object };

// One value of a Json; as cheap to copy as a pointer.
class JsonValue;

// A text, read into one flat list of values; throws Error where the text is no JSON.
class Json {
public:
    explicit Json(std::string_view source);
    JsonValue root() const;

private:
    friend class JsonReader;
    friend class JsonValue;

    struct Node {
        JsonKind kind;
        std::uint32_t size;  // entries, members, or bytes of a text
        std::uint32_t end;   // the node after this value and all inside it
        union {
            std::int64_t integer;  // also booleans
            double real;
            std::uint64_t text;  // where it begins in texts_
        };
    };
    std::vector<Node> nodes_;  // a value, then what is inside it; of a member the name comes first
    std::string texts_;
};

class JsonValue {
public:
    JsonKind kind() const { return node().kind; }
    bool is(JsonKind kind) const { return node().kind == kind; }
    bool boolean() const { return node().integer != 0; }
    std::int64_t integer() const { return node().integer; }
    double real() const { return node().real; }
    std::string_view text() const;
    std::size_t size() const { return node().size; }

    // Of an array.
    std::vector<JsonValue> entries() const;
    // Of an object.
    std::vector<std::pair<std::string_view, JsonValue>> members() const;
    // The member of this name; false where there is none.
    bool find(std::string_view name, JsonValue& value) const;

    JsonValue() = default;

private:
    friend class Json;
    JsonValue(const Json* json, std::uint32_t index) : json_(json), index_(index) {}
    const Json::Node& node() const { return json_->nodes_[index_]; }

    const Json* json_ = nullptr;
    std::uint32_t index_ = 0;
};

}  // namespace wg

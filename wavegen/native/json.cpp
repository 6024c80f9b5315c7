// A small strict JSON reader for text that nobody vouches for.
#include "json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "error.hpp"

namespace wg {

namespace {

constexpr std::size_t max_source = std::size_t{1} << 25;
constexpr int max_depth = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

class JsonReader {
public:
    JsonReader(std::string_view source, Json& json) : source_(source), json_(json) {}

    void read() {
        if (source_.size() > max_source)
            fail("JSON of ", source_.size(), " bytes is too long; at most ", max_source,
                 " are read");
        json_.texts_.reserve(source_.size());
        value(0);
        skip_space();
        if (at_ != source_.size()) bad("more text follows");
    }

private:
    [[noreturn]] void bad(std::string_view what) const {
        fail("broken JSON at byte ", at_, ": ", what);
    }

    char peek() const { return at_ < source_.size() ? source_[at_] : '\0'; }

    bool take(char c) {
        if (peek() != c || at_ == source_.size()) return false;
        ++at_;
        return true;
    }

    void expect(char c, std::string_view what) {
        if (!take(c)) bad(what);
    }

    void skip_space() {
        while (at_ < source_.size()) {
            const char c = source_[at_];
            if (c != ' ' && c != '\n' && c != '\t' && c != '\r') break;
            ++at_;
        }
    }

    std::uint32_t begin(JsonKind kind) {
        Json::Node node{};
        node.kind = kind;
        json_.nodes_.push_back(node);
        return static_cast<std::uint32_t>(json_.nodes_.size() - 1);
    }

    void end(std::uint32_t index, std::size_t size) {
        json_.nodes_[index].size = static_cast<std::uint32_t>(size);
        json_.nodes_[index].end = static_cast<std::uint32_t>(json_.nodes_.size());
    }

    void value(int depth) {
        if (depth > max_depth) bad("nested too deep");
        skip_space();
        switch (peek()) {
            case '{':
                object(depth);
                break;
            case '[':
                array(depth);
                break;
            case '"':
                text();
                break;
            case 't':
                word("true", JsonKind::boolean, 1);
                break;
            case 'f':
                word("false", JsonKind::boolean, 0);
                break;
            case 'n':
                word("null", JsonKind::null, 0);
                break;
            default:
                number();
        }
    }

    void word(std::string_view name, JsonKind kind, std::int64_t value) {
        if (source_.substr(at_, name.size()) != name) bad("a value is missing");
        at_ += name.size();
        const auto index = begin(kind);
        json_.nodes_[index].integer = value;
        end(index, 0);
    }

    void array(int depth) {
        const auto index = begin(JsonKind::array);
        std::size_t size = 0;
        ++at_;
        skip_space();
        if (!take(']')) {
            do {
                value(depth + 1);
                ++size;
                skip_space();
            } while (take(','));
            expect(']', "',' or ']' is missing");
        }
        end(index, size);
    }

    void object(int depth) {
        const auto index = begin(JsonKind::object);
        std::size_t size = 0;
        ++at_;
        skip_space();
        if (!take('}')) {
            do {
                skip_space();
                if (peek() != '"') bad("a name is missing");
                text();
                skip_space();
                expect(':', "':' is missing");
                value(depth + 1);
                ++size;
                skip_space();
            } while (take(','));
            expect('}', "',' or '}' is missing");
        }
        end(index, size);
        refuse_twins(index);
    }

    void refuse_twins(std::uint32_t index) const {
        std::vector<std::string_view> names;
        names.reserve(json_.nodes_[index].size);
        for (std::uint32_t name = index + 1; name < json_.nodes_[index].end;) {
            const auto& node = json_.nodes_[name];
            names.push_back(std::string_view(json_.texts_).substr(node.text, node.size));
            name = json_.nodes_[name + 1].end;
        }
        std::sort(names.begin(), names.end());
        const auto twin = std::adjacent_find(names.begin(), names.end());
        if (twin != names.end()) fail("broken JSON: two members are named ", quoted(*twin));
    }

    void text() {
        const auto index = begin(JsonKind::text);
        const std::size_t start = json_.texts_.size();
        ++at_;
        while (!take('"')) {
            if (at_ == source_.size()) bad("a text has no end");
            const char c = source_[at_++];
            if (static_cast<unsigned char>(c) < 0x20) bad("a control character in a text");
            if (c == '\\')
                escape();
            else
                json_.texts_.push_back(c);
        }
        json_.nodes_[index].text = start;
        end(index, json_.texts_.size() - start);
    }

    void escape() {
        constexpr std::string_view letters = "\"\\/bfnrt";
        constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
        const char c = peek();
        if (const auto place = letters.find(c); place != std::string_view::npos) {
            ++at_;
            json_.texts_.push_back(meanings[place]);
            return;
        }
        std::uint32_t code = unicode();
        if (code >= 0xD800 && code < 0xDC00) {
            if (!take('\\')) bad("half of a surrogate pair");
            const std::uint32_t low = unicode();
            if (low < 0xDC00 || low >= 0xE000) bad("half of a surrogate pair");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        } else if (code >= 0xDC00 && code < 0xE000) {
            bad("half of a surrogate pair");
        }
        append_utf8(code);
    }

    std::uint32_t unicode() {
        expect('u', "an unknown escape");
        std::uint32_t code = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = peek();
            std::uint32_t digit = 0;
            if (is_digit(c))
                digit = static_cast<std::uint32_t>(c - '0');
            else if (c >= 'a' && c <= 'f')
                digit = static_cast<std::uint32_t>(c - 'a') + 10;
            else if (c >= 'A' && c <= 'F')
                digit = static_cast<std::uint32_t>(c - 'A') + 10;
            else
                bad("an unknown escape");
            code = code * 16 + digit;
            ++at_;
        }
        return code;
    }

    void append_utf8(std::uint32_t code) {
        const auto put = [this](std::uint32_t byte) {
            json_.texts_.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
        };
        if (code < 0x80) {
            put(code);
        } else if (code < 0x800) {
            put(0xC0 | code >> 6);
            put(0x80 | (code & 0x3F));
        } else if (code < 0x10000) {
            put(0xE0 | code >> 12);
            put(0x80 | (code >> 6 & 0x3F));
            put(0x80 | (code & 0x3F));
        } else {
            put(0xF0 | code >> 18);
            put(0x80 | (code >> 12 & 0x3F));
            put(0x80 | (code >> 6 & 0x3F));
            put(0x80 | (code & 0x3F));
        }
    }

    // By hand: strtod reads numbers by the locale, and older compilers have no from_chars for them.
    void number() {
        const bool negative = take('-');
        if (!is_digit(peek())) bad("a value is missing");
        if (peek() == '0' && at_ + 1 < source_.size() && is_digit(source_[at_ + 1]))
            bad("a number begins with 0");

        constexpr std::uint64_t full = std::numeric_limits<std::uint64_t>::max() / 10 - 1;
        std::uint64_t digits = 0;
        int power = 0;  // of ten
        const auto add_digit = [&](int place) {
            const auto digit = static_cast<std::uint64_t>(source_[at_++] - '0');
            if (digits <= full) {
                digits = digits * 10 + digit;
                power += place;
            } else {
                power += place + 1;
            }
        };
        while (is_digit(peek())) add_digit(0);
        bool whole = power == 0;
        if (take('.')) {
            whole = false;
            if (!is_digit(peek())) bad("a number ends with '.'");
            while (is_digit(peek())) add_digit(-1);
        }
        if (peek() == 'e' || peek() == 'E') {
            whole = false;
            ++at_;
            power += exponent();
        }

        constexpr auto top = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        if (whole && digits <= top) {
            const auto index = begin(JsonKind::integer);
            const auto magnitude = static_cast<std::int64_t>(digits);
            json_.nodes_[index].integer = negative ? -magnitude : magnitude;
            end(index, 0);
            return;
        }
        const double magnitude = scaled(static_cast<double>(digits), power);
        const auto index = begin(JsonKind::real);
        json_.nodes_[index].real = negative ? -magnitude : magnitude;
        end(index, 0);
    }

    int exponent() {
        constexpr int most = 100000;
        const bool negative = take('-');
        if (!negative) take('+');
        if (!is_digit(peek())) bad("a number ends with 'e'");
        int power = 0;
        while (is_digit(peek())) power = std::min(power * 10 + (source_[at_++] - '0'), most);
        return negative ? -power : power;
    }

    // Right to the last bit for up to 15 digits and 22 powers of ten; nothing here needs more.
    static double scaled(double digits, int power) {
        if (digits == 0) return 0;
        if (power >= 0) return digits * std::pow(10.0, power);
        if (power >= -300) return digits / std::pow(10.0, -power);
        return digits / std::pow(10.0, 300) / std::pow(10.0, -power - 300);
    }

    std::string_view source_;
    Json& json_;
    std::size_t at_ = 0;
};

Json::Json(std::string_view source) { JsonReader(source, *this).read(); }

JsonValue Json::root() const { return {this, 0}; }

std::string_view JsonValue::text() const {
    return std::string_view(json_->texts_).substr(node().text, node().size);
}

std::vector<JsonValue> JsonValue::entries() const {
    std::vector<JsonValue> entries;
    entries.reserve(size());
    for (auto index = index_ + 1; index < node().end; index = entries.back().node().end)
        entries.push_back({json_, index});
    return entries;
}

std::vector<std::pair<std::string_view, JsonValue>> JsonValue::members() const {
    std::vector<std::pair<std::string_view, JsonValue>> members;
    members.reserve(size());
    for (auto index = index_ + 1; index < node().end;) {
        const JsonValue value(json_, index + 1);
        members.emplace_back(JsonValue(json_, index).text(), value);
        index = value.node().end;
    }
    return members;
}

bool JsonValue::find(std::string_view name, JsonValue& value) const {
    for (auto index = index_ + 1; index < node().end;) {
        const JsonValue found(json_, index + 1);
        if (JsonValue(json_, index).text() == name) {
            value = found;
            return true;
        }
        index = found.node().end;
    }
    return false;
}

}  // namespace wg

// What went wrong, as one line for the caller.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace wg {

class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

inline std::string to_text(std::string_view text) { return std::string(text); }

template <class Number>
std::enable_if_t<std::is_arithmetic_v<Number>, std::string> to_text(Number number) {
    return std::to_string(number);
}

// "a", 3, "b" to "a3b".
template <class... Parts>
std::string line(const Parts&... parts) {
    std::string text;
    ((text += to_text(parts)), ...);
    return text;
}

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
    throw Error(line(parts...));
}

// A name out of a file, cut so that a hostile one cannot flood the message.
inline std::string quoted(std::string_view name) {
    constexpr std::size_t most = 60;
    return line("'", name.substr(0, most), name.size() > most ? "...'" : "'");
}

}  // namespace wg

// What the tests of the runtime share: memory with views on it, and programs that play in it.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "program_file.hpp"
#include "wavegen.h"

using Whole = std::int64_t;
using Shape = std::vector<Whole>;

inline int n_failures = 0;
inline std::string build;

inline void expect(bool good, const std::string& what) {
    if (good) return;
    std::printf("%s: %s\n", build.c_str(), what.c_str());
    ++n_failures;
}

class Memory {
public:
    explicit Memory(std::size_t n_bytes)
        : size_(n_bytes), bytes_(std::make_unique<std::byte[]>(n_bytes + 128)) {
        const auto address = reinterpret_cast<std::uintptr_t>(bytes_.get());
        data_ = bytes_.get() + (64 - address % 64);
    }
    Memory(const Memory& other) : Memory(other.size_) {
        if (size_ > 0) std::memcpy(data_, other.data_, size_);
    }
    Memory& operator=(const Memory&) = delete;

    std::byte* data() const { return data_; }

    template <class T>
    T get(Whole offset) const {
        T value;
        std::memcpy(&value, data_ + offset, sizeof value);
        return value;
    }
    template <class T>
    void put(Whole offset, T value) {
        std::memcpy(data_ + offset, &value, sizeof value);
    }
    bool operator==(const Memory& other) const {
        return size_ == other.size_ && std::memcmp(data_, other.data_, size_) == 0;
    }

private:
    std::size_t size_;
    std::unique_ptr<std::byte[]> bytes_;
    std::byte* data_;
};

// A view of the state, in which the tests of operations keep everything.
struct View {
    std::string type;
    Whole offset;
    Shape shape, strides;
    std::string space = "state";

    Whole size() const { return type == "f32" ? 4 : 8; }

    std::string text() const {
        return "[\"" + space + "\",\"" + type + "\"," + std::to_string(offset) + "," +
               list_text(shape) + "," + list_text(strides) + "]";
    }
    Whole at(const Shape& index) const {
        Whole place = 0;
        for (std::size_t i = 0; i < index.size(); ++i) place += index[i] * strides[i];
        return offset + place * size();
    }
};

inline Whole count(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), Whole{1}, std::multiplies<>());
}

inline Shape dense_strides(const Shape& shape) {
    Shape strides(shape.size());
    Whole n = 1;
    for (std::size_t i = shape.size(); i-- > 0; n *= shape[i]) strides[i] = n;
    return strides;
}

inline void each_index(const Shape& shape, const std::function<void(const Shape&)>& f) {
    Shape index(shape.size());
    for (Whole i = 0; i < count(shape); ++i) {
        Whole left = i;
        for (std::size_t d = shape.size(); d-- > 0; left /= shape[d]) index[d] = left % shape[d];
        f(index);
    }
}

// Numbers that repeat from run to run.
class Random {
public:
    float real() { return static_cast<float>(next() % 20001) / 5000.0f - 2.0f; }
    Whole whole(Whole n) { return static_cast<Whole>(next() % static_cast<std::uint64_t>(n)); }

private:
    std::uint64_t next() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return state_ >> 33;
    }
    std::uint64_t state_ = 12345;
};

// Lays views out in a state one after the other.
class Layout {
public:
    View dense(const std::string& type, const Shape& shape) {
        return add({type, 0, shape, dense_strides(shape)}, count(shape));
    }
    // The last two dimensions lie crosswise, with a gap between the columns.
    View crossed(const std::string& type, const Shape& shape) {
        Shape stored = shape;
        std::swap(stored[stored.size() - 1], stored[stored.size() - 2]);
        ++stored.back();
        Shape strides = dense_strides(stored);
        std::swap(strides[strides.size() - 1], strides[strides.size() - 2]);
        return add({type, 0, shape, strides}, count(stored));
    }
    // The last dimension backwards.
    View reversed(const std::string& type, const Shape& shape) {
        View view = dense(type, shape);
        view.offset += (shape.back() - 1) * view.size();
        view.strides.back() = -1;
        return view;
    }
    // One row repeated over all dimensions but the last.
    View row(const std::string& type, const Shape& shape) {
        Shape strides(shape.size(), 0);
        strides.back() = 1;
        return add({type, 0, shape, strides}, shape.back());
    }
    // One value for each row.
    View column(const std::string& type, const Shape& shape) {
        Shape strides = dense_strides(shape);
        for (Whole& stride : strides) stride /= shape.back();
        strides.back() = 0;
        return add({type, 0, shape, strides}, count(shape) / shape.back());
    }
    Whole bytes() const { return bytes_; }

private:
    View add(View view, Whole n) {
        view.offset = bytes_;
        bytes_ = (bytes_ + n * view.size() + 63) / 64 * 64;
        return view;
    }
    Whole bytes_ = 0;
};

inline void fill(Memory& memory, Whole n_bytes, Random& random) {
    for (Whole i = 0; i < n_bytes; i += 4) memory.put<float>(i, random.real());
}

inline void fill_whole(Memory& memory, const View& view, Random& random, Whole least, Whole n) {
    each_index(view.shape,
               [&](const Shape& i) { memory.put<Whole>(view.at(i), least + random.whole(n)); });
}

struct Close {
    void operator()(wg_program* program) const { wg_close(program); }
    void operator()(wg_runner* runner) const { wg_runner_free(runner); }
};
using Program = std::unique_ptr<wg_program, Close>;
using Runner = std::unique_ptr<wg_runner, Close>;

inline Program open(const std::vector<std::byte>& bytes, std::string& error) {
    char message[512] = "";
    Program program(wg_open(bytes.data(), bytes.size(), build.c_str(), message, sizeof message));
    error = message;
    return program;
}

inline Program open(const ProgramFile& file) {
    std::string error;
    Program program = open(file.bytes(), error);
    expect(program != nullptr, "a good program is refused: " + error);
    return program;
}

inline Runner runner_of(const Program& program, int n_threads = 1) {
    char message[512] = "";
    Runner runner(wg_runner_new(program.get(), n_threads, message, sizeof message));
    expect(runner != nullptr, std::string("no runner: ") + message);
    return runner;
}

constexpr wg_controls plain = {1.0f, 0, 1.0f, 0.0f, 1.0f};

// Plays one step of a program in a state; the message of what went wrong, if anything did.
inline std::string play_file(const ProgramFile& file, Memory& state) {
    std::string error;
    const Program program = open(file.bytes(), error);
    if (program == nullptr) return error;
    const Runner runner = runner_of(program);
    Whole event = 0;
    const Whole given = 1;
    wg_voice voice{};
    voice.state = state.data();
    voice.event = &event;
    voice.given = &given;
    voice.controls = plain;
    voice.active = 1;
    char message[512] = "";
    wg_advance(runner.get(), &voice, 1, 1, message, sizeof message);
    return message;
}

// The same with one operation.
inline std::string play_op(const std::string& op, Memory& state, Whole state_bytes,
                           std::map<std::string, TestTensor> tensors = {}) {
    ProgramFile file;
    file.state_bytes = state_bytes;
    file.ops = {op};
    file.tensors = std::move(tensors);
    return play_file(file, state);
}

inline void play_good(const std::string& op, Memory& state, Whole state_bytes,
                      std::map<std::string, TestTensor> tensors = {}) {
    const std::string error = play_op(op, state, state_bytes, std::move(tensors));
    expect(error.empty(), error + " in " + op);
}

inline bool near(double value, double exact, double bound = 2e-6) {
    if (std::isnan(exact) || std::isnan(value)) return std::isnan(exact) == std::isnan(value);
    if (std::isinf(exact)) return value == exact;
    return std::fabs(value - exact) <= bound * (1 + std::fabs(exact));
}

inline std::string op_text(const std::string& op, const std::string& fields) {
    return "{\"op\":\"" + op + "\"," + fields + "}";
}

inline std::string field(const std::string& name, const View& view) {
    return "\"" + name + "\":" + view.text();
}

inline std::string fn(const std::string& name) { return "\"fn\":\"" + name + "\","; }

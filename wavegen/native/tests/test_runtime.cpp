// Plays small programs made in memory and compares every operation with plain loops.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "program_file.hpp"
#include "wavegen.h"

namespace {

using Whole = std::int64_t;
using Shape = std::vector<Whole>;

int n_failures = 0;
std::string build;

void expect(bool good, const std::string& what) {
    if (good) return;
    std::printf("%s: %s\n", build.c_str(), what.c_str());
    ++n_failures;
}

// Memory of a voice -------------------------------------------------------------------------------

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

Whole count(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), Whole{1}, std::multiplies<>());
}

Shape dense_strides(const Shape& shape) {
    Shape strides(shape.size());
    Whole n = 1;
    for (std::size_t i = shape.size(); i-- > 0; n *= shape[i]) strides[i] = n;
    return strides;
}

void each_index(const Shape& shape, const std::function<void(const Shape&)>& f) {
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

void fill(Memory& memory, Whole n_bytes, Random& random) {
    for (Whole i = 0; i < n_bytes; i += 4) memory.put<float>(i, random.real());
}

void fill_whole(Memory& memory, const View& view, Random& random, Whole least, Whole n) {
    each_index(view.shape, [&](const Shape& i) {
        memory.put<Whole>(view.at(i), least + random.whole(n));
    });
}

// Playing -----------------------------------------------------------------------------------------

struct Close {
    void operator()(wg_program* program) const { wg_close(program); }
    void operator()(wg_runner* runner) const { wg_runner_free(runner); }
};
using Program = std::unique_ptr<wg_program, Close>;
using Runner = std::unique_ptr<wg_runner, Close>;

Program open(const std::vector<std::byte>& bytes, std::string& error) {
    char message[512] = "";
    Program program(
        wg_open(bytes.data(), bytes.size(), build.c_str(), message, sizeof message));
    error = message;
    return program;
}

Program open(const ProgramFile& file) {
    std::string error;
    Program program = open(file.bytes(), error);
    expect(program != nullptr, "a good program is refused: " + error);
    return program;
}

Runner runner_of(const Program& program, int n_threads = 1) {
    char message[512] = "";
    Runner runner(wg_runner_new(program.get(), n_threads, message, sizeof message));
    expect(runner != nullptr, std::string("no runner: ") + message);
    return runner;
}

constexpr wg_controls plain = {1.0f, 0, 1.0f, 0.0f, 1.0f};

// Plays one operation of a state; the message of what went wrong, if anything did.
std::string play_op(const std::string& op, Memory& state, Whole state_bytes,
                    std::map<std::string, TestTensor> tensors = {}) {
    ProgramFile file;
    file.state_bytes = state_bytes;
    file.ops = {op};
    file.tensors = std::move(tensors);
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

void play_good(const std::string& op, Memory& state, Whole state_bytes,
               std::map<std::string, TestTensor> tensors = {}) {
    const std::string error = play_op(op, state, state_bytes, std::move(tensors));
    expect(error.empty(), error + " in " + op);
}

bool near(double value, double exact, double bound = 2e-6) {
    if (std::isnan(exact) || std::isnan(value)) return std::isnan(exact) == std::isnan(value);
    if (std::isinf(exact)) return value == exact;
    return std::fabs(value - exact) <= bound * (1 + std::fabs(exact));
}

std::string op_text(const std::string& op, const std::string& fields) {
    return "{\"op\":\"" + op + "\"," + fields + "}";
}

std::string field(const std::string& name, const View& view) {
    return "\"" + name + "\":" + view.text();
}

std::string fn(const std::string& name) { return "\"fn\":\"" + name + "\","; }

// Elementwise -------------------------------------------------------------------------------------

using Make = View (Layout::*)(const std::string&, const Shape&);
const std::vector<Make> makes = {&Layout::dense, &Layout::crossed, &Layout::reversed, &Layout::row,
                                 &Layout::column};
const std::vector<Make> writable = {&Layout::dense, &Layout::crossed, &Layout::reversed};
const std::vector<Shape> shapes = {{3, 4, 21}, {1, 67}, {2, 1, 3, 2, 1, 5}};

const std::map<std::string, double (*)(double)> unaries = {
    {"neg", [](double x) { return -x; }},
    {"abs", [](double x) { return std::fabs(x); }},
    {"not", [](double x) { return x == 0 ? 1.0 : 0.0; }},
    {"exp", [](double x) { return std::exp(x); }},
    {"expm1", [](double x) { return std::expm1(x); }},
    {"log", [](double x) { return std::log(x); }},
    {"log1p", [](double x) { return std::log1p(x); }},
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }},
    {"reciprocal", [](double x) { return 1 / x; }},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"relu", [](double x) { return std::max(x, 0.0); }},
    {"silu", [](double x) { return x / (1 + std::exp(-x)); }},
    {"gelu", [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }},
    {"gelu_tanh",
     [](double x) { return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); }},
    {"softplus", [](double x) { return std::log1p(std::exp(x)); }},
    {"log_sigmoid", [](double x) { return -std::log1p(std::exp(-x)); }},
    {"sin", [](double x) { return std::sin(x); }},
    {"cos", [](double x) { return std::cos(x); }},
    {"erf", [](double x) { return std::erf(x); }},
    {"floor", [](double x) { return std::floor(x); }},
    {"ceil", [](double x) { return std::ceil(x); }},
    {"round", [](double x) { return std::nearbyint(x); }},
    {"trunc", [](double x) { return std::trunc(x); }},
    {"sign", [](double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0; }},
    {"square", [](double x) { return x * x; }},
};

void check_unary() {
    Random random;
    std::size_t turn = 0;
    for (const auto& [name, exact] : unaries) {
        for (const Shape& shape : shapes) {
            Layout layout;
            const View x = (layout.*makes[turn % makes.size()])("f32", shape);
            const View out = (layout.*writable[turn++ % writable.size()])("f32", shape);
            Memory state(static_cast<std::size_t>(layout.bytes()));
            fill(state, layout.bytes(), random);
            state.put(x.at(Shape(shape.size())), 0.0f);
            const Memory before = state;
            play_good(op_text("unary", fn(name) + field("x", x) + "," + field("out", out)), state,
                      layout.bytes());
            bool good = true;
            each_index(shape, [&](const Shape& i) {
                good = good && near(state.get<float>(out.at(i)), exact(before.get<float>(x.at(i))));
            });
            expect(good, "unary " + name + " is wrong");
        }
    }
}

void check_unary_of_whole_numbers() {
    Random random;
    const std::map<std::string, Whole (*)(Whole)> exact = {
        {"neg", [](Whole x) { return -x; }},
        {"abs", [](Whole x) { return x < 0 ? -x : x; }},
        {"not", [](Whole x) { return static_cast<Whole>(x == 0); }},
    };
    for (const auto& [name, f] : exact) {
        Layout layout;
        const View x = layout.crossed("i64", {4, 5});
        Memory state(static_cast<std::size_t>(layout.bytes()));
        fill_whole(state, x, random, -2, 5);
        const Memory before = state;
        play_good(op_text("unary", fn(name) + field("x", x) + "," + field("out", x)), state,
                  layout.bytes());
        each_index(x.shape, [&](const Shape& i) {
            expect(state.get<Whole>(x.at(i)) == f(before.get<Whole>(x.at(i))),
                   "unary " + name + " of whole numbers in place is wrong");
        });
    }
}

const std::map<std::string, double (*)(double, double)> binaries = {
    {"add", [](double a, double b) { return a + b; }},
    {"sub", [](double a, double b) { return a - b; }},
    {"mul", [](double a, double b) { return a * b; }},
    {"div", [](double a, double b) { return a / b; }},
    {"min", [](double a, double b) { return std::isnan(a) || a < b ? a : b; }},
    {"max", [](double a, double b) { return std::isnan(a) || a > b ? a : b; }},
    {"pow", [](double a, double b) { return std::pow(a, b); }},
    {"mod", [](double a, double b) { return a - b * std::floor(a / b); }},
};

const std::map<std::string, Whole (*)(double, double)> comparisons = {
    {"lt", [](double a, double b) { return static_cast<Whole>(a < b); }},
    {"le", [](double a, double b) { return static_cast<Whole>(a <= b); }},
    {"gt", [](double a, double b) { return static_cast<Whole>(a > b); }},
    {"ge", [](double a, double b) { return static_cast<Whole>(a >= b); }},
    {"eq", [](double a, double b) { return static_cast<Whole>(a == b); }},
    {"ne", [](double a, double b) { return static_cast<Whole>(a != b); }},
};

void check_binary_of(const std::string& name, const Shape& shape, Make make_a, Make make_b,
                     Make make_out, Random& random) {
    const bool compares = comparisons.count(name) > 0;
    Layout layout;
    const View a = (layout.*make_a)("f32", shape);
    const View b = (layout.*make_b)("f32", shape);
    const View out = (layout.*make_out)(compares ? "i64" : "f32", shape);
    Memory state(static_cast<std::size_t>(layout.bytes()));
    fill(state, layout.bytes(), random);
    state.put(a.at(Shape(shape.size())), std::numeric_limits<float>::quiet_NaN());
    const Memory before = state;
    play_good(op_text("binary", fn(name) + field("a", a) + "," + field("b", b) + "," +
                                    field("out", out)),
              state, layout.bytes());
    bool good = true;
    each_index(shape, [&](const Shape& i) {
        const double left = before.get<float>(a.at(i));
        const double right = before.get<float>(b.at(i));
        if (compares) {
            good = good && state.get<Whole>(out.at(i)) == comparisons.at(name)(left, right);
        } else {
            const double value = state.get<float>(out.at(i));
            const double exact = binaries.at(name)(left, right);
            // A remainder near the divisor may fall to the other side of it.
            const bool close = near(value, exact, 1e-5) ||
                               (name == "mod" && near(std::fabs(value - exact), std::fabs(right), 1e-4));
            good = good && close;
        }
    });
    expect(good, "binary " + name + " is wrong");
}

void check_binary() {
    Random random;
    std::vector<std::string> names;
    for (const auto& [name, f] : binaries) names.push_back(name);
    for (const auto& [name, f] : comparisons) names.push_back(name);
    std::size_t turn = 0;
    for (const std::string& name : names)
        for (const Make a : makes)
            for (const Make b : makes) {
                check_binary_of(name, shapes[turn % shapes.size()], a, b,
                                writable[turn % 5 % writable.size()], random);
                ++turn;
            }
}

void check_binary_of_whole_numbers() {
    const auto floor_div = [](Whole a, Whole b) {
        return b == 0 ? 0 : static_cast<Whole>(std::floor(static_cast<double>(a) / static_cast<double>(b)));
    };
    const std::map<std::string, std::function<Whole(Whole, Whole)>> exact = {
        {"add", std::plus<>()},
        {"sub", std::minus<>()},
        {"mul", std::multiplies<>()},
        {"min", [](Whole a, Whole b) { return std::min(a, b); }},
        {"max", [](Whole a, Whole b) { return std::max(a, b); }},
        {"mod", [&](Whole a, Whole b) { return b == 0 ? 0 : a - b * floor_div(a, b); }},
        {"floordiv", floor_div},
        {"lt", std::less<>()},
        {"le", std::less_equal<>()},
        {"gt", std::greater<>()},
        {"ge", std::greater_equal<>()},
        {"eq", std::equal_to<>()},
        {"ne", std::not_equal_to<>()},
        {"and", std::bit_and<>()},
        {"or", std::bit_or<>()},
        {"xor", std::bit_xor<>()},
    };
    Random random;
    for (const auto& [name, f] : exact) {
        Layout layout;
        const View a = layout.crossed("i64", {5, 6});
        const View b = layout.row("i64", {5, 6});
        const View out = layout.dense("i64", {5, 6});
        Memory state(static_cast<std::size_t>(layout.bytes()));
        fill_whole(state, a, random, -7, 15);
        fill_whole(state, b, random, -3, 7);
        const Memory before = state;
        play_good(op_text("binary", fn(name) + field("a", a) + "," + field("b", b) + "," +
                                        field("out", out)),
                  state, layout.bytes());
        bool good = true;
        each_index(a.shape, [&](const Shape& i) {
            good = good && state.get<Whole>(out.at(i)) ==
                               f(before.get<Whole>(a.at(i)), before.get<Whole>(b.at(i)));
        });
        expect(good, "binary " + name + " of whole numbers is wrong");
    }
    // The only quotient that overflows.
    Layout layout;
    const View a = layout.dense("i64", {1}), b = layout.dense("i64", {1});
    for (const std::string name : {"floordiv", "mod", "mul", "sub"}) {
        Memory state(static_cast<std::size_t>(layout.bytes()));
        state.put(a.offset, std::numeric_limits<Whole>::min());
        state.put<Whole>(b.offset, -1);
        play_good(op_text("binary", fn(name) + field("a", a) + "," + field("b", b) + "," +
                                        field("out", a)),
                  state, layout.bytes());
    }
}

void check_where_copy_convert() {
    Random random;
    for (const Shape& shape : shapes) {
        for (const Make make : makes) {
            Layout layout;
            const View cond = (layout.*make)("i64", shape);
            const View a = (layout.*make)("f32", shape);
            const View b = layout.dense("f32", shape);
            const View out = layout.reversed("f32", shape);
            const View copied = layout.crossed("f32", shape);
            const View whole = layout.crossed("i64", shape);
            const View real = layout.dense("f32", shape);
            Memory state(static_cast<std::size_t>(layout.bytes()));
            fill(state, layout.bytes(), random);
            fill_whole(state, cond, random, -1, 3);
            state.put(a.at(Shape(shape.size())), 1e30f);
            const Whole n = layout.bytes();
            play_good(op_text("where", field("cond", cond) + "," + field("a", a) + "," +
                                           field("b", b) + "," + field("out", out)),
                      state, n);
            play_good(op_text("copy", field("x", a) + "," + field("out", copied)), state, n);
            play_good(op_text("convert", field("x", a) + "," + field("out", whole)), state, n);
            play_good(op_text("convert", field("x", cond) + "," + field("out", real)), state, n);
            bool good = true;
            each_index(shape, [&](const Shape& i) {
                const float left = state.get<float>(a.at(i));
                const bool chosen = state.get<Whole>(cond.at(i)) != 0;
                good = good &&
                       state.get<float>(out.at(i)) == (chosen ? left : state.get<float>(b.at(i)));
                good = good && state.get<float>(copied.at(i)) == left;
                const Whole exact =
                    left > 1e20f ? std::numeric_limits<Whole>::min() : static_cast<Whole>(left);
                good = good && state.get<Whole>(whole.at(i)) == exact;
                good = good && state.get<float>(real.at(i)) ==
                                   static_cast<float>(state.get<Whole>(cond.at(i)));
            });
            expect(good, "where, copy or convert is wrong");
        }
    }
}

// Rows --------------------------------------------------------------------------------------------

std::vector<double> row_of(const Memory& memory, const View& x, Shape index) {
    std::vector<double> row;
    index.push_back(0);
    for (Whole i = 0; i < x.shape.back(); ++i) {
        index.back() = i;
        row.push_back(x.type == "f32" ? static_cast<double>(memory.get<float>(x.at(index)))
                                      : static_cast<double>(memory.get<Whole>(x.at(index))));
    }
    return row;
}

double sum_of(const std::vector<double>& row) { return std::accumulate(row.begin(), row.end(), 0.0); }

void check_reduce() {
    using Row = std::vector<double>;
    const std::map<std::string, double (*)(const Row&)> exact = {
        {"sum", sum_of},
        {"mean", [](const Row& r) { return sum_of(r) / static_cast<double>(r.size()); }},
        {"max", [](const Row& r) { return *std::max_element(r.begin(), r.end()); }},
        {"min", [](const Row& r) { return *std::min_element(r.begin(), r.end()); }},
        {"prod",
         [](const Row& r) { return std::accumulate(r.begin(), r.end(), 1.0, std::multiplies<>()); }},
        {"argmax",
         [](const Row& r) {
             return static_cast<double>(std::max_element(r.begin(), r.end()) - r.begin());
         }},
        {"argmin",
         [](const Row& r) {
             return static_cast<double>(std::min_element(r.begin(), r.end()) - r.begin());
         }},
    };
    const std::map<std::string, double (*)(const Row&)> exact_whole = {
        {"sum", sum_of},
        {"any",
         [](const Row& r) {
             return std::any_of(r.begin(), r.end(), [](double x) { return x != 0; }) ? 1.0 : 0.0;
         }},
        {"all",
         [](const Row& r) {
             return std::all_of(r.begin(), r.end(), [](double x) { return x != 0; }) ? 1.0 : 0.0;
         }},
    };
    Random random;
    for (const bool whole : {false, true}) {
        for (const auto& [name, f] : whole ? exact_whole : exact) {
            for (const Shape& shape : {Shape{3, 4, 37}, Shape{5}, Shape{2, 1}, Shape{4, 3}}) {
                for (const Make make : makes) {
                    if (shape.size() < 2 && make == &Layout::crossed) continue;
                    const bool place = name == "argmax" || name == "argmin";
                    const Shape outer(shape.begin(), shape.end() - 1);
                    Layout layout;
                    const View x = (layout.*make)(whole ? "i64" : "f32", shape);
                    const View out = layout.dense(whole || place ? "i64" : "f32", outer);
                    Memory state(static_cast<std::size_t>(layout.bytes()));
                    fill(state, layout.bytes(), random);
                    if (whole) fill_whole(state, x, random, 0, 2);
                    play_good(op_text("reduce", fn(name) + field("x", x) + "," + field("out", out)),
                              state, layout.bytes());
                    bool good = true;
                    each_index(outer, [&](const Shape& i) {
                        const double value =
                            whole || place ? static_cast<double>(state.get<Whole>(out.at(i)))
                                           : static_cast<double>(state.get<float>(out.at(i)));
                        good = good && near(value, f(row_of(state, x, i)), 1e-4);
                    });
                    expect(good, "reduce " + name + " is wrong");
                }
            }
        }
    }
}

void check_nan_wins() {
    Layout layout;
    const View x = layout.dense("f32", {40});
    const View real = layout.dense("f32", {}), whole = layout.dense("i64", {});
    for (const Whole place : {0, 3, 17, 39}) {
        Memory state(static_cast<std::size_t>(layout.bytes()));
        Random random;
        fill(state, layout.bytes(), random);
        state.put(x.offset + 4 * place, std::numeric_limits<float>::quiet_NaN());
        for (const std::string name : {"max", "min"}) {
            play_good(op_text("reduce", fn(name) + field("x", x) + "," + field("out", real)), state,
                      layout.bytes());
            expect(std::isnan(state.get<float>(real.offset)), name + " passes over a NaN");
        }
        for (const std::string name : {"argmax", "argmin"}) {
            play_good(op_text("reduce", fn(name) + field("x", x) + "," + field("out", whole)), state,
                      layout.bytes());
            expect(state.get<Whole>(whole.offset) == place, name + " passes over a NaN");
        }
    }
}

void check_rows() {
    Random random;
    for (const Shape& shape : {Shape{3, 2, 45}, Shape{1, 1}, Shape{4, 7}}) {
        for (const Make make : makes) {
            for (const Make make_out : writable) {
                Layout layout;
                const View x = (layout.*make)("f32", shape);
                const View soft = (layout.*make_out)("f32", shape);
                const View log_soft = (layout.*make_out)("f32", shape);
                const View norm = (layout.*make_out)("f32", shape);
                const View running = (layout.*make_out)("f32", shape);
                const View weight = layout.dense("f32", {shape.back()});
                const View bias = layout.reversed("f32", {shape.back()});
                Memory state(static_cast<std::size_t>(layout.bytes()));
                fill(state, layout.bytes(), random);
                const Whole n = layout.bytes();
                const std::string in = field("x", x) + ",";
                play_good(op_text("softmax", in + "\"log\":false," + field("out", soft)), state, n);
                play_good(op_text("softmax", in + "\"log\":true," + field("out", log_soft)), state, n);
                play_good(op_text("layer_norm", in + field("weight", weight) + "," +
                                                    field("bias", bias) + ",\"eps\":1e-05," +
                                                    field("out", norm)),
                          state, n);
                play_good(op_text("cumsum", in + field("out", running)), state, n);
                const Shape outer(shape.begin(), shape.end() - 1);
                bool good = true;
                each_index(outer, [&](const Shape& i) {
                    const auto row = row_of(state, x, i);
                    const auto size = static_cast<double>(row.size());
                    double whole = 0, variance = 0, sum = 0;
                    const double mean = sum_of(row) / size;
                    for (const double value : row) {
                        whole += std::exp(value);
                        variance += (value - mean) * (value - mean) / size;
                    }
                    Shape at = i;
                    at.push_back(0);
                    for (std::size_t j = 0; j < row.size(); ++j) {
                        at.back() = static_cast<Whole>(j);
                        sum += row[j];
                        const Shape last{at.back()};
                        const double scaled = (row[j] - mean) / std::sqrt(variance + 1e-5) *
                                                  state.get<float>(weight.at(last)) +
                                              state.get<float>(bias.at(last));
                        good = good && near(state.get<float>(soft.at(at)), std::exp(row[j]) / whole);
                        good = good && near(state.get<float>(log_soft.at(at)), row[j] - std::log(whole));
                        good = good && near(state.get<float>(norm.at(at)), scaled, 1e-3);
                        good = good && near(state.get<float>(running.at(at)), sum, 1e-5);
                    }
                });
                expect(good, "softmax, layer_norm or cumsum is wrong");
            }
        }
    }
}

void check_matmul() {
    Random random;
    for (const auto& [m, k, n] : {std::array<Whole, 3>{3, 5, 37}, {1, 20, 1}, {4, 33, 6}, {1, 1, 7}}) {
        for (const Make make_a : makes)
            for (const Make make_b : makes)
                for (const Make make_out : writable) {
                    Layout layout;
                    const View a = (layout.*make_a)("f32", {2, m, k});
                    const View b = (layout.*make_b)("f32", {2, k, n});
                    const View out = (layout.*make_out)("f32", {2, m, n});
                    Memory state(static_cast<std::size_t>(layout.bytes()));
                    fill(state, layout.bytes(), random);
                    play_good(op_text("matmul", field("a", a) + "," + field("b", b) + "," +
                                                    field("out", out)),
                              state, layout.bytes());
                    bool good = true;
                    each_index(out.shape, [&](const Shape& i) {
                        double sum = 0;
                        for (Whole j = 0; j < k; ++j)
                            sum += static_cast<double>(state.get<float>(a.at({i[0], i[1], j}))) *
                                   state.get<float>(b.at({i[0], j, i[2]}));
                        good = good && near(state.get<float>(out.at(i)), sum, 1e-4);
                    });
                    expect(good, "matmul is wrong");
                }
    }
}

// Products ----------------------------------------------------------------------------------------

double activated(const std::string& act, double y) {
    return act == "none" ? y : unaries.at(act)(y);
}

void check_product() {
    Random random;
    for (const std::string act :
         {"none", "relu", "tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "gate"}) {
        for (const auto& [n, k] : {std::array<Whole, 2>{6, 5}, {130, 33}, {64, 64}, {2, 1}}) {
            for (const std::string type : {"F32", "BF16", "I8"}) {
                for (int n_add = 0; n_add <= 2; ++n_add) {
                    const bool gated = act == "gate";
                    const Whole n_out = gated ? n / 2 : n;
                    std::vector<float> weights(static_cast<std::size_t>(n * k));
                    std::vector<float> scales(static_cast<std::size_t>(n));
                    std::vector<std::uint16_t> halves;
                    std::vector<std::int8_t> bytes;
                    for (float& scale : scales) scale = 0.01f + 0.001f * static_cast<float>(random.whole(9));
                    for (std::size_t i = 0; i < weights.size(); ++i) {
                        std::uint32_t bits = 0;
                        const float value = random.real();
                        std::memcpy(&bits, &value, 4);
                        halves.push_back(static_cast<std::uint16_t>(bits >> 16));
                        bytes.push_back(static_cast<std::int8_t>(random.whole(255) - 127));
                        bits &= 0xffff0000u;
                        std::memcpy(&weights[i], &bits, 4);
                        if (type == "I8")
                            weights[i] = static_cast<float>(bytes.back()) *
                                         scales[i / static_cast<std::size_t>(k)];
                    }
                    std::map<std::string, TestTensor> tensors;
                    if (type == "F32") tensors["weight/w"] = tensor_of<float>("F32", {n, k}, weights);
                    if (type == "BF16") tensors["weight/w"] = tensor_of("BF16", {n, k}, halves);
                    if (type == "I8") {
                        tensors["weight/w"] = tensor_of("I8", {n, k}, bytes);
                        tensors["scale/w"] = tensor_of("F32", {n}, scales);
                    }
                    Layout layout;
                    const View x = layout.dense("f32", {k});
                    const View add0 = layout.dense("f32", {n}), add1 = layout.dense("f32", {n});
                    const View after = layout.dense("f32", {n_out});
                    const View out = layout.dense("f32", {n_out});
                    Memory state(static_cast<std::size_t>(layout.bytes()));
                    fill(state, layout.bytes(), random);
                    const bool has_after = n_add != 1;
                    std::string list = n_add > 0 ? add0.text() : "";
                    if (n_add > 1) list += "," + add1.text();
                    play_good(op_text("product", "\"weight\":\"w\",\"act\":\"" + act + "\",\"add\":[" +
                                                     list + "]," + field("x", x) + "," +
                                                     (has_after ? field("after", after) + "," : "") +
                                                     field("out", out)),
                              state, layout.bytes(), tensors);
                    std::vector<double> y(static_cast<std::size_t>(n));
                    double bound = 1e-4;
                    for (Whole i = 0; i < n; ++i) {
                        double sum = 0, size = 0;
                        for (Whole j = 0; j < k; ++j) {
                            const double term = static_cast<double>(state.get<float>(x.at({j}))) *
                                                weights[static_cast<std::size_t>(i * k + j)];
                            sum += term;
                            size += std::fabs(term);
                        }
                        // What the rounding of the input may cost.
                        if (type == "BF16") bound = std::max(bound, size / 256);
                        if (type == "I8") bound = std::max(bound, size / 30);
                        if (n_add > 0) sum += state.get<float>(add0.at({i}));
                        if (n_add > 1) sum += state.get<float>(add1.at({i}));
                        y[static_cast<std::size_t>(i)] = sum;
                    }
                    bool good = true;
                    for (Whole i = 0; i < n_out; ++i) {
                        const auto at = static_cast<std::size_t>(i);
                        const auto half = static_cast<std::size_t>(n / 2);
                        double exact = gated ? std::tanh(y[at]) * unaries.at("sigmoid")(y[at + half])
                                             : activated(act, y[at]);
                        if (has_after) exact += state.get<float>(after.at({i}));
                        good = good && near(state.get<float>(out.at({i})), exact, bound);
                    }
                    expect(good, "product " + type + " " + act + " of " + std::to_string(n) + " x " +
                                     std::to_string(k) + " is wrong");
                }
            }
        }
    }
}

// Tables ------------------------------------------------------------------------------------------

void check_row_tables() {
    Random random;
    for (const std::string type : {"f32", "i64"}) {
        for (const Make make : writable) {
            Layout layout;
            const View table = (layout.*make)(type, {9, 5});
            const View index = layout.reversed("i64", {4});
            const View out = (layout.*make)(type, {4, 5});
            Memory state(static_cast<std::size_t>(layout.bytes()));
            fill(state, layout.bytes(), random);
            const Shape chosen = {3, 8, 0, 3};
            for (Whole i = 0; i < 4; ++i) state.put(index.at({i}), chosen[static_cast<std::size_t>(i)]);
            const std::string fields = field("table", table) + "," + field("index", index) + ",";
            play_good(op_text("gather_rows", fields + field("out", out)), state, layout.bytes());
            bool good = true;
            const auto same = [&](Whole a, Whole b) {
                return std::memcmp(state.data() + a, state.data() + b, type == "f32" ? 4 : 8) == 0;
            };
            each_index({4, 5}, [&](const Shape& i) {
                const Whole row = chosen[static_cast<std::size_t>(i[0])];
                good = good && same(out.at(i), table.at({row, i[1]}));
            });
            for (Whole i = 0; i < 4; ++i) state.put(index.at({i}), i * 2);
            play_good(op_text("scatter_rows", fields + field("source", out)), state, layout.bytes());
            each_index({4, 5}, [&](const Shape& i) {
                good = good && same(out.at(i), table.at({i[0] * 2, i[1]}));
            });
            expect(good, "gather_rows or scatter_rows is wrong");
            for (const Whole bad : {Whole{9}, Whole{-1}, std::numeric_limits<Whole>::min()}) {
                state.put(index.at({2}), bad);
                for (const std::string op : {"gather_rows", "scatter_rows"}) {
                    const std::string error = play_op(
                        op_text(op, fields + field(op == "gather_rows" ? "out" : "source", out)),
                        state, layout.bytes());
                    expect(error == "op 0 (" + op + "): index " + std::to_string(bad) +
                                        " lies outside a table of 9 (voice 0, step 0)",
                           "a bad index is reported as: " + error);
                }
            }
        }
    }
}

void check_element_tables() {
    Random random;
    for (int dim = 0; dim < 3; ++dim) {
        for (const Make make : writable) {
            Layout layout;
            const View table = (layout.*make)("f32", {4, 6, 5});
            const View index = (layout.*make)("i64", {3, 2, 4});
            const View out = layout.dense("f32", {3, 2, 4});
            Memory state(static_cast<std::size_t>(layout.bytes()));
            fill(state, layout.bytes(), random);
            fill_whole(state, index, random, 0, table.shape[static_cast<std::size_t>(dim)]);
            const std::string fields = "\"dim\":" + std::to_string(dim) + "," +
                                       field("table", table) + "," + field("index", index) + ",";
            play_good(op_text("gather", fields + field("out", out)), state, layout.bytes());
            const auto place = [&](const Shape& i) {
                Shape chosen = i;
                chosen[static_cast<std::size_t>(dim)] = state.get<Whole>(index.at(i));
                return table.at(chosen);
            };
            bool good = true;
            each_index(index.shape, [&](const Shape& i) {
                good = good && state.get<float>(out.at(i)) == state.get<float>(place(i));
            });
            fill(state, table.offset, random);
            // What is written twice keeps the last: compare in the order of writing.
            Memory expected = state;
            each_index(index.shape, [&](const Shape& i) {
                expected.put(place(i), state.get<float>(out.at(i)));
            });
            play_good(op_text("scatter", fields + field("source", out)), state, layout.bytes());
            each_index(table.shape, [&](const Shape& i) {
                good = good && state.get<float>(table.at(i)) == expected.get<float>(table.at(i));
            });
            expect(good, "gather or scatter is wrong");
            state.put(index.at({1, 1, 1}), table.shape[static_cast<std::size_t>(dim)]);
            const std::string error =
                play_op(op_text("gather", fields + field("out", out)), state, layout.bytes());
            expect(error.find("lies outside a table") != std::string::npos,
                   "a bad index of gather is reported as: " + error);
        }
    }
}

void check_delays() {
    Random random;
    Layout layout;
    const View rings = layout.dense("f32", {14, 3});
    const View clock = layout.dense("i64", {});
    const View out = layout.dense("f32", {4, 3});
    const View source = layout.crossed("f32", {3, 3});
    const Shape read_lengths = {4, 4, 7, 3}, read_starts = {0, 0, 4, 11}, lags = {1, 4, 6, 0};
    const Shape lengths = {4, 7, 3}, starts = {0, 4, 11};
    for (const Whole now : {Whole{0}, Whole{5}, Whole{-3}, Whole{1000000007},
                            std::numeric_limits<Whole>::min(), std::numeric_limits<Whole>::max()}) {
        Memory state(static_cast<std::size_t>(layout.bytes()));
        fill(state, layout.bytes(), random);
        state.put(clock.offset, now);
        const auto cell = [&](Whole start, Whole length, Whole lag) {
            const Whole modulo = (now % length + length) % length;
            return start + ((modulo - lag) % length + length) % length;
        };
        const std::string in = field("rings", rings) + "," + field("clock", clock) + ",";
        play_good(op_text("delay_read", in + "\"lags\":" + list_text(lags) + ",\"lengths\":" +
                                            list_text(read_lengths) + ",\"starts\":" +
                                            list_text(read_starts) + "," + field("out", out)),
                  state, layout.bytes());
        bool good = true;
        each_index({4, 3}, [&](const Shape& i) {
            const auto row = static_cast<std::size_t>(i[0]);
            const Whole from = cell(read_starts[row], read_lengths[row], lags[row]);
            good = good && state.get<float>(out.at(i)) == state.get<float>(rings.at({from, i[1]}));
        });
        play_good(op_text("delay_write", in + "\"lengths\":" + list_text(lengths) + ",\"starts\":" +
                                             list_text(starts) + "," + field("source", source)),
                  state, layout.bytes());
        each_index({3, 3}, [&](const Shape& i) {
            const auto row = static_cast<std::size_t>(i[0]);
            const Whole to = cell(starts[row], lengths[row], 0);
            good = good && state.get<float>(source.at(i)) == state.get<float>(rings.at({to, i[1]}));
        });
        expect(good, "delay_read or delay_write is wrong at clock " + std::to_string(now));
    }
}

void check_draws() {
    Random random;
    for (const Make make : writable) {
        Layout layout;
        const View logits = make == &Layout::crossed ? layout.reversed("f32", {50})
                                                     : (layout.*make)("f32", {50});
        const View weights = layout.reversed("f32", {50});
        const View temperature = layout.dense("f32", {}), u = layout.dense("f32", {});
        const View top_k = layout.dense("i64", {}), top_p = layout.dense("f32", {});
        const View min_p = layout.dense("f32", {}), typical_p = layout.dense("f32", {});
        const View drawn = layout.dense("i64", {}), sampled = layout.dense("i64", {});
        Memory state(static_cast<std::size_t>(layout.bytes()));
        for (const float t : {1.0f, 0.7f, 0.0f}) {
            fill(state, layout.bytes(), random);
            state.put(temperature.offset, t);
            state.put(u.offset, 0.25f + 0.2f * t);
            state.put<Whole>(top_k.offset, 0);
            state.put(top_p.offset, 1.0f);
            state.put(min_p.offset, 0.0f);
            state.put(typical_p.offset, 1.0f);
            const Whole n = layout.bytes();
            const std::string warm = field("logits", logits) + "," + field("temperature", temperature) + ",";
            play_good(op_text("temper", warm + field("out", weights)), state, n);
            play_good(op_text("draw_class", field("weights", weights) + "," + field("u", u) + "," +
                                                field("out", drawn)),
                      state, n);
            play_good(op_text("sample", warm + field("top_k", top_k) + "," + field("top_p", top_p) + "," +
                                            field("min_p", min_p) + "," +
                                            field("typical_p", typical_p) + "," + field("u", u) + "," +
                                            field("out", sampled)),
                      state, n);
            double total = 0, best = -100;
            Whole best_class = 0;
            for (Whole i = 0; i < 50; ++i) {
                const double x = state.get<float>(logits.at({i}));
                if (x > best) best_class = i, best = x;
                total += std::exp(t == 0 ? x : x / t);
            }
            double running = 0;
            Whole expected = -1;
            bool good = true;
            for (Whole i = 0; i < 50; ++i) {
                const double x = state.get<float>(logits.at({i}));
                const double share =
                    t == 0 ? (i == best_class ? 1.0 : 0.0) : std::exp(x / t) / total;
                good = good && near(state.get<float>(weights.at({i})), share);
                running += share;
                if (expected < 0 && running > 0.25 + 0.2 * static_cast<double>(t)) expected = i;
            }
            expect(good, "temper is wrong");
            expect(state.get<Whole>(drawn.offset) == expected, "draw_class is wrong");
            expect(state.get<Whole>(sampled.offset) == expected, "sample is wrong");
        }
    }
}

// A whole program ---------------------------------------------------------------------------------

// A small recurrent network with a delay line and a draw: everything that a voice may carry along.
ProgramFile small_model(const std::string& type, Random& random) {
    constexpr Whole n_classes = 24, width = 20, n_cond = 3, n_cells = 12;
    ProgramFile file;
    const auto scratch = [&](const std::string& kind, Whole offset, const Shape& shape) {
        return View{kind, offset, shape, dense_strides(shape), "scratch"}.text();
    };
    const auto state = [&](const std::string& kind, Whole offset, const Shape& shape) {
        return View{kind, offset, shape, dense_strides(shape)}.text();
    };
    const auto weight = [&](const std::string& name, Whole n, Whole k) {
        std::vector<float> values(static_cast<std::size_t>(n * k));
        std::vector<std::uint16_t> halves;
        std::vector<std::int8_t> bytes;
        for (float& value : values) {
            value = random.real() * 0.5f;
            std::uint32_t bits = 0;
            std::memcpy(&bits, &value, 4);
            halves.push_back(static_cast<std::uint16_t>(bits >> 16));
            bytes.push_back(static_cast<std::int8_t>(value * 127));
        }
        if (type == "F32") file.tensors["weight/" + name] = tensor_of("F32", {n, k}, values);
        if (type == "BF16") file.tensors["weight/" + name] = tensor_of("BF16", {n, k}, halves);
        if (type == "I8") {
            file.tensors["weight/" + name] = tensor_of("I8", {n, k}, bytes);
            const std::vector<float> scales(static_cast<std::size_t>(n), 1.0f / 127);
            file.tensors["scale/" + name] = tensor_of("F32", {n}, scales);
        }
    };
    // State: clock at 0, rings at 64. Scratch: inputs up to 256, then values.
    file.state_bytes = 64 + n_cells * width * 4;
    file.scratch_bytes = 4096;
    file.event = R"({"type":"i64","size":1,"classes":)" + std::to_string(n_classes) + "}";
    file.n_params = n_classes;
    file.n_uniforms = 1;
    file.cond_channels = n_cond;
    file.state = R"([{"name":"clock","type":"i64","shape":[],"offset":0}])";
    file.inputs = "{\"event\":" + scratch("i64", 0, {1}) + ",\"cond\":" + scratch("f32", 64, {n_cond}) +
                  ",\"noise\":" + scratch("f32", 128, {1}) +
                  ",\"temperature\":" + scratch("f32", 192, {}) + ",\"top_k\":" +
                  scratch("i64", 200, {}) + ",\"top_p\":" + scratch("f32", 208, {}) +
                  ",\"min_p\":" + scratch("f32", 212, {}) + ",\"typical_p\":" +
                  scratch("f32", 216, {}) + "}";
    file.outputs = "{\"params\":" + scratch("f32", 1024, {n_classes}) + ",\"event\":" +
                   scratch("i64", 1280, {1}) + "}";
    std::vector<float> table(static_cast<std::size_t>(n_classes * width));
    for (float& value : table) value = random.real();
    file.tensors["const"] = tensor_of("U8", {static_cast<Whole>(table.size() * 4)}, table);
    weight("condition", width, n_cond);
    weight("gate", 2 * width, 2 * width);
    weight("head", n_classes, width);
    const View embedding{"f32", 0, {n_classes, width}, dense_strides({n_classes, width}), "const"};
    const std::string rings = ",\"rings\":" + state("f32", 64, {n_cells, width}) + ",\"clock\":" +
                              state("i64", 0, {}) + ",\"starts\":[0,5],\"lengths\":[5,7]";
    // The past (2, width) lies end to end at 256, the present at 512, the mix at 768.
    file.ops = {
        op_text("gather_rows", field("table", embedding) + ",\"index\":" + scratch("i64", 0, {1}) +
                                   ",\"out\":" + scratch("f32", 512, {1, width})),
        op_text("product", "\"weight\":\"condition\",\"x\":" + scratch("f32", 64, {n_cond}) +
                               ",\"add\":[" + scratch("f32", 512, {width}) + "],\"out\":" +
                               scratch("f32", 640, {width})),
        op_text("delay_read", "\"out\":" + scratch("f32", 256, {2, width}) + rings + ",\"lags\":[5,2]"),
        op_text("product", "\"weight\":\"gate\",\"act\":\"gate\",\"x\":" +
                               scratch("f32", 256, {2 * width}) + ",\"after\":" +
                               scratch("f32", 640, {width}) + ",\"out\":" + scratch("f32", 768, {width})),
        op_text("binary", fn("max") + "\"a\":" + scratch("f32", 768, {width}) + ",\"b\":" +
                              scratch("f32", 640, {width}) + ",\"out\":" +
                              scratch("f32", 900, {width})),
        op_text("copy", "\"x\":" + scratch("f32", 768, {width}) + ",\"out\":" +
                            scratch("f32", 1300, {width})),
        op_text("copy", "\"x\":" + scratch("f32", 900, {width}) + ",\"out\":" +
                            scratch("f32", 1300 + 4 * width, {width})),
        op_text("delay_write", "\"source\":" + scratch("f32", 1300, {2, width}) + rings),
        op_text("product", "\"weight\":\"head\",\"x\":" + scratch("f32", 768, {width}) + ",\"out\":" +
                               scratch("f32", 1024, {n_classes})),
        op_text("sample", "\"logits\":" + scratch("f32", 1024, {n_classes}) + ",\"temperature\":" +
                              scratch("f32", 192, {}) + ",\"top_k\":" + scratch("i64", 200, {}) +
                              ",\"top_p\":" + scratch("f32", 208, {}) + ",\"min_p\":" +
                              scratch("f32", 212, {}) + ",\"typical_p\":" + scratch("f32", 216, {}) +
                              ",\"u\":" + scratch("f32", 128, {}) + ",\"out\":" +
                              scratch("i64", 1280, {})),
        op_text("binary", fn("add") + "\"a\":" + state("i64", 0, {}) + ",\"b\":" +
                              View{"i64", static_cast<Whole>(table.size() * 4), {}, {}, "const"}.text() +
                              ",\"out\":" + state("i64", 0, {})),
    };
    const Whole one = 1;
    TestTensor& constants = file.tensors["const"];
    const auto* bytes = reinterpret_cast<const std::byte*>(&one);
    constants.bytes.insert(constants.bytes.end(), bytes, bytes + sizeof one);
    constants.shape = {static_cast<Whole>(constants.bytes.size())};
    return file;
}

constexpr std::size_t n_song = 40;

// A voice of the small model with all that it needs.
struct Song {
    Memory state;
    Whole event = 3;
    std::vector<float> cond = std::vector<float>(n_song * 3);
    std::vector<Whole> events = std::vector<Whole>(n_song, -1);
    std::vector<float> params = std::vector<float>(n_song * 24);
    wg_voice voice{};

    Song(Whole state_bytes, int number) : state(static_cast<std::size_t>(state_bytes)) {
        for (std::size_t i = 0; i < cond.size(); ++i)
            cond[i] = std::sin(static_cast<float>(number) + 0.1f * static_cast<float>(i));
        voice.seed = 77u + static_cast<unsigned>(number);
        voice.position = 100 * number - 20;
        voice.controls = plain;
        if (number % 3 == 1) voice.controls = {0.8f, 5, 0.9f, 0.01f, 0.95f};
        if (number % 7 == 2) voice.controls.temperature = 0;
        voice.active = 1;
    }

    wg_voice at(std::size_t step) {
        wg_voice now = voice;
        now.state = state.data();
        now.event = &event;
        now.cond = cond.data() + 3 * step;
        now.events = events.data() + step;
        now.params = params.data() + 24 * step;
        return now;
    }

    bool operator==(const Song& other) const {
        return state == other.state && event == other.event && events == other.events &&
               std::memcmp(params.data(), other.params.data(), params.size() * 4) == 0;
    }
};

void advance(const Runner& runner, std::vector<wg_voice>& voices, std::size_t n_steps) {
    char message[512] = "";
    const int code = wg_advance(runner.get(), voices.data(), voices.size(), n_steps, message, sizeof message);
    expect(code == 0, std::string("a good program stops: ") + message);
}

std::vector<Song> songs(const ProgramFile& file, int n) {
    std::vector<Song> songs;
    for (int i = 0; i < n; ++i) songs.emplace_back(file.state_bytes, i);
    return songs;
}

void check_company(const std::string& type) {
    Random random;
    const ProgramFile file = small_model(type, random);
    const Program program = open(file);
    if (program == nullptr) return;
    expect(wg_macs(program.get()) == 20 * 3 + 40 * 40 + 24 * 20, "wg_macs is wrong");
    wg_read_weights(program.get());
    const Runner single = runner_of(program);
    constexpr int n = 19;
    std::vector<Song> alone = songs(file, n);
    for (Song& song : alone) {
        std::vector<wg_voice> voices = {song.at(0)};
        advance(single, voices, n_song);
        expect(voices[0].position == song.voice.position + static_cast<Whole>(n_song),
               "the position is not kept");
    }
    expect(alone[0].events != alone[3].events, "two voices of different seeds are the same");
    for (const int n_threads : {1, 2, 3}) {
        for (const int n_voices : {1, 2, 5, 8, 9, n}) {
            const Runner runner = runner_of(program, n_threads);
            std::vector<Song> together = songs(file, n_voices);
            // Some calls, each with another number of steps.
            std::size_t step = 0;
            for (const std::size_t n_steps : {1, 7, 0, 20, 12}) {
                std::vector<wg_voice> voices;
                for (Song& song : together) {
                    voices.push_back(song.at(step));
                    voices.back().position += static_cast<Whole>(step);
                }
                advance(runner, voices, n_steps);
                step += n_steps;
            }
            for (std::size_t i = 0; i < together.size(); ++i)
                expect(together[i] == alone[i], type + ": voice " + std::to_string(i) + " of " +
                                                    std::to_string(n_voices) + " on " +
                                                    std::to_string(n_threads) +
                                                    " threads differs from itself alone");
        }
    }
    // Voices that are passed over, in turns: step by step, each when its bit of the turn is set.
    std::vector<Song> masked = songs(file, 6);
    std::vector<std::size_t> passed(6);
    for (unsigned turn = 1; *std::min_element(passed.begin(), passed.end()) < n_song; ++turn) {
        std::vector<wg_voice> voices;
        for (std::size_t i = 0; i < 6; ++i) {
            voices.push_back(masked[i].at(std::min(passed[i], n_song - 1)));
            voices[i].position += static_cast<Whole>(passed[i]);
            voices[i].active = (turn >> i & 1) != 0 && passed[i] < n_song;
            if (!voices[i].active) voices[i].state = nullptr;
        }
        advance(single, voices, 1);
        for (std::size_t i = 0; i < 6; ++i) passed[i] += voices[i].active != 0;
    }
    for (std::size_t i = 0; i < 6; ++i)
        expect(masked[i] == alone[i], type + ": a voice differs when others are passed over");
    // Events that are given, those drawn before: everything stays.
    std::vector<Song> given = songs(file, 3);
    std::vector<wg_voice> voices;
    for (std::size_t i = 0; i < 3; ++i) {
        voices.push_back(given[i].at(0));
        voices[i].given = alone[i].events.data();
        voices[i].seed = 999;
    }
    advance(single, voices, n_song);
    for (std::size_t i = 0; i < 3; ++i)
        expect(given[i] == alone[i], type + ": events that are given lead elsewhere");
}

void check_bad_voices() {
    Random random;
    const ProgramFile file = small_model("F32", random);
    const Program program = open(file);
    if (program == nullptr) return;
    const Runner runner = runner_of(program);
    const Whole strange = 24;
    const auto refuse = [&](const std::string& reason, const std::function<void(wg_voice&)>& spoil) {
        Song good(file.state_bytes, 0), bad(file.state_bytes, 1);
        const Memory untouched = good.state;
        std::vector<wg_voice> voices = {good.at(0), bad.at(0)};
        spoil(voices[1]);
        char message[512] = "";
        const int code = wg_advance(runner.get(), voices.data(), 2, 1, message, sizeof message);
        expect(code == -1 && message == "voice 1: " + reason,
               "instead of '" + reason + "' comes '" + message + "'");
        expect(good.state == untouched, "a voice was played beside one that is refused");
    };
    refuse("it has no state", [](wg_voice& v) { v.state = nullptr; });
    refuse("its state is not aligned to 64 bytes",
           [](wg_voice& v) { v.state = static_cast<std::byte*>(v.state) + 8; });
    refuse("it has no event", [](wg_voice& v) { v.event = nullptr; });
    refuse("it has no conditions; the program takes 3 channels", [](wg_voice& v) { v.cond = nullptr; });
    refuse("symbol 24 is not below 24", [&](wg_voice& v) { v.given = &strange; });
    refuse("symbol -1 is not below 24", [](wg_voice& v) { *static_cast<Whole*>(v.event) = -1; });
    refuse("temperature is -1.000000; it must be 0 (greedy) or above",
           [](wg_voice& v) { v.controls.temperature = -1; });
    refuse("temperature is nan; it must be 0 (greedy) or above",
           [](wg_voice& v) { v.controls.temperature = std::numeric_limits<float>::quiet_NaN(); });
    refuse("top_k is -2; it must be 0 (off) or above", [](wg_voice& v) { v.controls.top_k = -2; });
    refuse("top_p is 0.000000; it must be above 0 and at most 1 (off)",
           [](wg_voice& v) { v.controls.top_p = 0; });
    refuse("min_p is 1.500000; it must lie between 0 (off) and 1",
           [](wg_voice& v) { v.controls.min_p = 1.5f; });
    refuse("typical_p is 2.000000; it must be above 0 and at most 1 (off)",
           [](wg_voice& v) { v.controls.typical_p = 2; });
    char message[512] = "";
    expect(wg_runner_new(program.get(), 0, message, sizeof message) == nullptr &&
               std::string(message) == "n_threads is 0; it must lie between 1 and 256",
           std::string("a runner without threads: ") + message);
}

// Damaged files -----------------------------------------------------------------------------------

void check_bad_ops() {
    Layout layout;
    const View x = layout.dense("f32", {8}), out = layout.dense("f32", {8});
    const View whole = layout.dense("i64", {8}), table = layout.dense("f32", {4, 2});
    const std::map<std::string, TestTensor> tensors = {
        {"weight/w", tensor_of("F32", {8, 4}, std::vector<float>(32))}};
    const auto refuse = [&](const std::string& reason, const std::string& op) {
        Memory state(static_cast<std::size_t>(layout.bytes()));
        const std::string error = play_op(op, state, layout.bytes(), tensors);
        expect(error == reason, "instead of '" + reason + "' comes '" + error + "'");
    };
    const auto unary = [](const View& from, const View& to) {
        return op_text("unary", fn("exp") + field("x", from) + "," + field("out", to));
    };
    const auto changed = [](View view, const std::function<void(View&)>& change) {
        change(view);
        return view;
    };
    const std::string size = std::to_string(layout.bytes());
    refuse("op 0: op 'jump' is unknown to this core", op_text("jump", "\"x\":1"));
    refuse("op 0: op is missing", "{}");
    refuse("op 0: is no JSON object", "7");
    refuse("op 0 (unary): fn 'explode' is unknown to this core",
           op_text("unary", fn("explode") + field("x", x) + "," + field("out", out)));
    refuse("op 0 (unary): out is missing", op_text("unary", fn("exp") + field("x", x)));
    refuse("op 0 (unary): the field 'speed' is unknown to this core",
           op_text("unary", fn("exp") + "\"speed\":1," + field("x", x) + "," + field("out", out)));
    refuse("op 0 (unary): x is i64, not f32", unary(whole, out));
    refuse("op 0 (unary): out has shape (4, 2), not (8)", unary(x, table));
    refuse("op 0 (unary): out: space 'moon' is none of const, state and scratch",
           unary(x, changed(out, [](View& v) { v.space = "moon"; })));
    refuse("op 0 (unary): x: offset 2 is no multiple of 4",
           unary(changed(x, [](View& v) { v.offset = 2; }), out));
    refuse("op 0 (unary): x: bytes " + std::to_string(layout.bytes() - 28) + " to " +
               std::to_string(layout.bytes() + 4) + " do not lie in state of " + size + " bytes",
           unary(changed(x, [&](View& v) { v.offset = layout.bytes() - 28; }), out));
    refuse("op 0 (unary): x: bytes -28 to 4 do not lie in state of " + size + " bytes",
           unary(changed(x, [](View& v) { v.strides = {-1}; }), out));
    refuse("op 0 (unary): x: shape has an entry 0, not between 1 and 268435456",
           unary(changed(x, [](View& v) { v.shape = {0}; }), out));
    refuse("op 0 (unary): x: has more than 268435456 elements",
           unary(changed(x, [](View& v) { v.shape = {1 << 28, 1 << 28}, v.strides = {0, 0}; }), out));
    refuse("op 0 (unary): x: bytes 0 to 4 do not lie in const of 0 bytes",
           unary(changed(x, [](View& v) { v.space = "const", v.strides = {0}; }), out));
    refuse("op 0 (unary): out steps on itself: it cannot be written",
           unary(x, changed(out, [](View& v) { v.strides = {0}; })));
    refuse("op 0 (unary): out overlaps x, which is read while it is written",
           unary(x, changed(x, [](View& v) { v.offset += 4; })));
    refuse("op 0 (copy): out overlaps x, which is read while it is written",
           op_text("copy", field("x", x) + "," + field("out", x)));
    refuse("op 0 (product): x has 8 values, 'w' needs 4",
           op_text("product", "\"weight\":\"w\"," + field("x", x) + "," + field("out", out)));
    refuse("op 0 (product): the file has no matrix of the name 'v'",
           op_text("product", "\"weight\":\"v\"," + field("x", x) + "," + field("out", out)));
    refuse("op 0 (binary): pow takes no i64",
           op_text("binary", fn("pow") + field("a", whole) + "," + field("b", whole) + "," +
                                 field("out", whole)));
    const std::string clock = field("rings", table) + ",\"clock\":" +
                              View{"i64", whole.offset, {}, {}}.text() + ",";
    refuse("op 0 (delay_write): ring 0 of length 3 from cell 2 does not lie in 4 cells",
           op_text("delay_write", clock + "\"lengths\":[3],\"starts\":[2]," +
                                      field("source", View{"f32", out.offset, {1, 2}, {2, 1}})));
    refuse("op 0 (delay_read): lag 4 does not lie in ring 0 of length 3",
           op_text("delay_read", clock + "\"lengths\":[3],\"starts\":[1],\"lags\":[4]," +
                                     field("out", View{"f32", out.offset, {1, 2}, {2, 1}})));
    refuse("op 0 (delay_read): lists of 1 lengths and 1 starts and 2 lags do not belong together",
           op_text("delay_read", clock + "\"lengths\":[3],\"starts\":[1],\"lags\":[4,5]," +
                                     field("out", View{"f32", out.offset, {1, 2}, {2, 1}})));
    refuse("op 0 (layer_norm): eps is -1.000000; it must lie between 0 and 1",
           op_text("layer_norm", "\"eps\":-1," + field("x", x) + "," + field("out", out)));
    // Columns of one matrix do not overlap, though their bytes interleave.
    Memory state(static_cast<std::size_t>(layout.bytes()));
    const View left{"f32", table.offset, {4, 1}, {2, 1}}, right{"f32", table.offset + 4, {4, 1}, {2, 1}};
    play_good(op_text("copy", field("x", left) + "," + field("out", right)), state, layout.bytes());
}

void check_bad_files() {
    Random random;
    const ProgramFile file = small_model("F32", random);
    const std::vector<std::byte> whole = file.bytes();
    std::string error;
    for (std::size_t n = 0; n < whole.size(); n += 1 + n / 16) {
        const std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        expect(open(part, error) == nullptr && !error.empty(), "a file that is cut off opens");
    }
    const auto refuse = [&](const std::string& reason, const std::function<void(ProgramFile&)>& spoil) {
        ProgramFile bad = file;
        spoil(bad);
        expect(open(bad.bytes(), error) == nullptr && error == reason,
               "instead of '" + reason + "' comes '" + error + "'");
    };
    refuse("the file's format is 'wavegen program 2', and this core plays 'wavegen program 1'; "
           "update wavegen or write the file again",
           [](ProgramFile& f) { f.format = "wavegen program 2"; });
    refuse("the program: state_bytes is 2000000000; it must lie between 0 and 1073741824",
           [](ProgramFile& f) { f.state_bytes = 2000000000; });
    refuse("event: symbols are i64 and have classes, real values are f32 and have none",
           [](ProgramFile& f) { f.event = R"({"type":"i64","size":1,"classes":null})"; });
    refuse("event: size is 0; it must lie between 1 and 1048576",
           [](ProgramFile& f) { f.event = R"({"type":"i64","size":0,"classes":4})"; });
    refuse("inputs: noise has shape (1), not (2)", [](ProgramFile& f) { f.n_uniforms = 2; });
    refuse("inputs: the field 'wind' is unknown to this core",
           [](ProgramFile& f) { f.inputs.insert(1, "\"wind\":null,"); });
    refuse("op 1 (product): out overlaps the input 'event', which no operation may write",
           [](ProgramFile& f) {
               f.ops.insert(f.ops.begin() + 1,
                            op_text("product", "\"weight\":\"head\",\"x\":" +
                                                   View{"f32", 768, {20}, {1}, "scratch"}.text() +
                                                   ",\"out\":" +
                                                   View{"f32", 4, {24}, {1}, "scratch"}.text()));
           });
    refuse("outputs: params is missing, though n_params is 24",
           [](ProgramFile& f) { f.outputs = "{}"; });
    refuse("voice 0: the file has no tensor 'voice/0' that is named voice/...", [](ProgramFile& f) {
        f.voices = R"([{"label":null,"event":[3],"tensor":"voice/0"}])";
    });
    refuse("the tensor 'extra' is unknown to this core",
           [](ProgramFile& f) { f.tensors["extra"] = f.tensors["const"]; });
    refuse("state 0: offset 4 does not fit 8 bytes into 1024",
           [](ProgramFile& f) { f.state = R"([{"name":"clock","type":"i64","shape":[],"offset":4}])"; });
    for (const std::string text :
         {"{", "[1,]", "{\"a\":1,\"a\":2}", "01", "1.", "1e", "\"\\u12\"", "\"\\ud800\"", "nul", "[1 2]",
          "\"\x01\"", "{} {}", "-", "+1", "NaN", ""}) {
        expect(open(file.bytes_around(text), error) == nullptr && error.find("broken JSON") == 0,
               "broken JSON is read: " + text + ": " + error);
    }
    expect(open(file.bytes_around(std::string(100, '[')), error) == nullptr &&
               error == "broken JSON at byte 65: nested too deep",
           "deep JSON: " + error);
    expect(wg_open(whole.data(), whole.size(), "abacus", nullptr, 0) == nullptr,
           "a build that is unknown opens");
}

void check_voices_of_the_file() {
    Random random;
    ProgramFile file = small_model("F32", random);
    std::vector<std::uint8_t> state(static_cast<std::size_t>(file.state_bytes), 7);
    file.tensors["voice/0"] = tensor_of("U8", {file.state_bytes}, state);
    file.voices = R"([{"label":"anna","event":[3],"tensor":"voice/0"}])";
    const Program program = open(file);
    if (program == nullptr) return;
    const void* found = wg_voice_state(program.get(), 0);
    expect(found != nullptr && std::memcmp(found, state.data(), state.size()) == 0,
           "the state of a voice is not that of the file");
    expect(wg_voice_state(program.get(), 1) == nullptr, "a voice that is not there has a state");
    expect(wg_header(program.get()) == file.program(), "wg_header is not the text of the file");
    expect(wg_build(program.get()) == build, "wg_build is not what was asked for");
    expect(wg_state_bytes(program.get()) == state.size(), "wg_state_bytes is wrong");
}

void check_noise() {
    // Of seed 2^40 + 1 at step 2^33 + 5, by wavegen/noise.py.
    float uniforms[5];
    wg_uniforms((std::uint64_t{1} << 40) + 1, (std::uint64_t{1} << 33) + 5, 5, uniforms);
    const float expected[5] = {0x1.a22aecp-2f, 0x1.5ec382p-1f, 0x1.8e95cap-1f, 0x1.b20ee6p-1f, 0x1.4fe62cp-2f};
    for (int i = 0; i < 5; ++i)
        expect(uniforms[i] == expected[i], "uniform " + std::to_string(i) + " is wrong");
}

}  // namespace

int main() {
    expect(wg_api_version() == WG_API_VERSION, "the library is of another version");
    std::string builds = wg_builds();
    builds += ',';
    for (std::size_t begin = 0; begin < builds.size(); begin = builds.find(',', begin) + 1) {
        build = builds.substr(begin, builds.find(',', begin) - begin);
        check_unary();
        check_unary_of_whole_numbers();
        check_binary();
        check_binary_of_whole_numbers();
        check_where_copy_convert();
        check_reduce();
        check_nan_wins();
        check_rows();
        check_matmul();
        check_product();
        check_row_tables();
        check_element_tables();
        check_delays();
        check_draws();
        for (const std::string type : {"F32", "BF16", "I8"}) check_company(type);
        check_bad_voices();
        check_bad_ops();
        check_bad_files();
        check_voices_of_the_file();
        check_noise();
    }
    if (n_failures > 0) std::printf("%d failures\n", n_failures);
    return n_failures > 0 ? 1 : 0;
}

// Compares every operation with plain loops.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "playing.hpp"
#include "test_runtime.hpp"

namespace {

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
     [](double x) {
         return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
     }},
    {"softplus", [](double x) { return std::log1p(std::exp(x)); }},
    {"log_sigmoid", [](double x) { return -std::log1p(std::exp(-x)); }},
    {"sin", [](double x) { return std::sin(x); }},
    {"cos", [](double x) { return std::cos(x); }},
    {"erf", [](double x) { return std::erf(x); }},
    {"floor", [](double x) { return std::floor(x); }},
    {"ceil", [](double x) { return std::ceil(x); }},
    {"round", [](double x) { return std::nearbyint(x); }},
    {"trunc", [](double x) { return std::trunc(x); }},
    {"sign", [](double x) { return x > 0   ? 1.0
                                   : x < 0 ? -1.0
                                           : 0.0; }},
    {"square", [](double x) { return x * x; }},
};

void check_unary() {
    Random random;
    std::size_t turn = 0;
    for (const auto& entry : unaries) {
        const auto& name = entry.first;
        const auto& exact = entry.second;
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
    for (const auto& entry : exact) {
        const auto& name = entry.first;
        const auto& f = entry.second;
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
    play_good(
        op_text("binary", fn(name) + field("a", a) + "," + field("b", b) + "," + field("out", out)),
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
            const bool close =
                near(value, exact, 1e-5) ||
                (name == "mod" && near(std::fabs(value - exact), std::fabs(right), 1e-4));
            good = good && close;
        }
    });
    expect(good, "binary " + name + " is wrong");
}

void check_binary() {
    Random random;
    std::vector<std::string> names;
    for (const auto& entry : binaries) names.push_back(entry.first);
    for (const auto& entry : comparisons) names.push_back(entry.first);
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
        return b == 0 ? 0
                      : static_cast<Whole>(
                            std::floor(static_cast<double>(a) / static_cast<double>(b)));
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
    for (const auto& entry : exact) {
        const auto& name = entry.first;
        const auto& f = entry.second;
        Layout layout;
        const View a = layout.crossed("i64", {5, 6});
        const View b = layout.row("i64", {5, 6});
        const View out = layout.dense("i64", {5, 6});
        Memory state(static_cast<std::size_t>(layout.bytes()));
        fill_whole(state, a, random, -7, 15);
        fill_whole(state, b, random, -3, 7);
        const Memory before = state;
        play_good(op_text("binary",
                          fn(name) + field("a", a) + "," + field("b", b) + "," + field("out", out)),
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
        play_good(op_text("binary",
                          fn(name) + field("a", a) + "," + field("b", b) + "," + field("out", a)),
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

double sum_of(const std::vector<double>& row) {
    return std::accumulate(row.begin(), row.end(), 0.0);
}

void check_reduce() {
    using Row = std::vector<double>;
    const std::map<std::string, double (*)(const Row&)> exact = {
        {"sum", sum_of},
        {"mean", [](const Row& r) { return sum_of(r) / static_cast<double>(r.size()); }},
        {"max", [](const Row& r) { return *std::max_element(r.begin(), r.end()); }},
        {"min", [](const Row& r) { return *std::min_element(r.begin(), r.end()); }},
        {"prod",
         [](const Row& r) {
             return std::accumulate(r.begin(), r.end(), 1.0, std::multiplies<>());
         }},
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
        for (const auto& entry : whole ? exact_whole : exact) {
            const auto& name = entry.first;
            const auto& f = entry.second;
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
                        const double value = whole || place
                                                 ? static_cast<double>(state.get<Whole>(out.at(i)))
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
            play_good(op_text("reduce", fn(name) + field("x", x) + "," + field("out", whole)),
                      state, layout.bytes());
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
                play_good(op_text("softmax", in + "\"log\":true," + field("out", log_soft)), state,
                          n);
                play_good(
                    op_text("layer_norm", in + field("weight", weight) + "," + field("bias", bias) +
                                              ",\"eps\":1e-05," + field("out", norm)),
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
                        good =
                            good && near(state.get<float>(soft.at(at)), std::exp(row[j]) / whole);
                        good = good &&
                               near(state.get<float>(log_soft.at(at)), row[j] - std::log(whole));
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
    for (const Shape& sizes : {Shape{3, 5, 37}, Shape{1, 20, 1}, Shape{4, 33, 6}, Shape{1, 1, 7},
                               Shape{2, 1, 32}, Shape{1, 4, 16}, Shape{2, 2, 20}}) {
        const Whole m = sizes[0], k = sizes[1], n = sizes[2];
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
        for (const Shape& sizes : {Shape{6, 5}, Shape{130, 33}, Shape{64, 64}, Shape{2, 1}}) {
            const Whole n = sizes[0], k = sizes[1];
            for (const std::string type : {"F32", "BF16", "I8"}) {
                for (int n_add = 0; n_add <= 2; ++n_add) {
                    const bool gated = act == "gate";
                    const Whole n_out = gated ? n / 2 : n;
                    std::vector<float> weights(static_cast<std::size_t>(n * k));
                    std::vector<float> scales(static_cast<std::size_t>(n));
                    std::vector<std::uint16_t> halves;
                    std::vector<std::int8_t> bytes;
                    for (float& scale : scales)
                        scale = 0.01f + 0.001f * static_cast<float>(random.whole(9));
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
                    if (type == "F32")
                        tensors["weight/w"] = tensor_of<float>("F32", {n, k}, weights);
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
                    play_good(
                        op_text("product", "\"weight\":\"w\",\"act\":\"" + act + "\",\"add\":[" +
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
                        double exact = gated
                                           ? std::tanh(y[at]) * unaries.at("sigmoid")(y[at + half])
                                           : activated(act, y[at]);
                        if (has_after) exact += state.get<float>(after.at({i}));
                        good = good && near(state.get<float>(out.at({i})), exact, bound);
                    }
                    expect(good, "product " + type + " " + act + " of " + std::to_string(n) +
                                     " x " + std::to_string(k) + " is wrong");
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
            for (Whole i = 0; i < 4; ++i)
                state.put(index.at({i}), chosen[static_cast<std::size_t>(i)]);
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
            play_good(op_text("scatter_rows", fields + field("source", out)), state,
                      layout.bytes());
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
        play_good(
            op_text("delay_read",
                    in + "\"lags\":" + list_text(lags) + ",\"lengths\":" + list_text(read_lengths) +
                        ",\"starts\":" + list_text(read_starts) + "," + field("out", out)),
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
        const View logits =
            make == &Layout::crossed ? layout.reversed("f32", {50}) : (layout.*make)("f32", {50});
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
            const std::string warm =
                field("logits", logits) + "," + field("temperature", temperature) + ",";
            play_good(op_text("temper", warm + field("out", weights)), state, n);
            play_good(op_text("draw_class", field("weights", weights) + "," + field("u", u) + "," +
                                                field("out", drawn)),
                      state, n);
            play_good(
                op_text("sample", warm + field("top_k", top_k) + "," + field("top_p", top_p) + "," +
                                      field("min_p", min_p) + "," + field("typical_p", typical_p) +
                                      "," + field("u", u) + "," + field("out", sampled)),
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

// Every way of nesting in eight operations that count: what is passed over stays as it is.
void check_unless() {
    Random random;
    for (int round = 0; round < 200; ++round) {
        Layout layout;
        std::vector<View> counts, truths;
        for (int i = 0; i < 8; ++i) counts.push_back(layout.dense("i64", {}));
        for (int i = 0; i < 8; ++i) truths.push_back(layout.dense("i64", {}));
        Memory state(static_cast<std::size_t>(layout.bytes()));
        for (const View& truth : truths) state.put<Whole>(truth.offset, random.whole(3) - 1);
        ProgramFile file;
        file.state_bytes = layout.bytes();
        std::vector<std::size_t> ends = {8};
        std::vector<Whole> expected(8);
        bool runs[9] = {true};
        for (std::size_t i = 0; i < 8; ++i) {
            while (ends.back() <= i) ends.pop_back();
            const bool run = runs[ends.size() - 1];
            if (i < 7 && random.whole(2) == 0) {
                const std::size_t most = ends.back() - i - 1;
                if (most > 0) {
                    const auto skip =
                        1 + static_cast<std::size_t>(random.whole(static_cast<Whole>(most)));
                    file.ops.push_back(op_text("unless", "\"skip\":" + std::to_string(skip) + "," +
                                                             field("cond", truths[i])));
                    ends.push_back(i + 1 + skip);
                    runs[ends.size() - 1] = run && state.get<Whole>(truths[i].offset) != 0;
                    continue;
                }
            }
            file.ops.push_back(op_text("binary", fn("sub") + field("a", counts[i]) + "," +
                                                     field("b", View{"i64", 0, {}, {}, "const"}) +
                                                     "," + field("out", counts[i])));
            expected[i] = run ? -7 : 0;
        }
        file.tensors["const"] = tensor_of("U8", {8}, std::vector<Whole>{7});
        const std::string error = play_file(file, state);
        expect(error.empty(), error);
        for (std::size_t i = 0; i < 8; ++i)
            expect(state.get<Whole>(counts[i].offset) == expected[i], "unless is wrong");
    }
}

}  // namespace

void check_operations() {
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
    check_unless();
}

// Tests of the kernels of one build (WG_ISA): a line per failure, exit code 1 if there is any.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "../draw.hpp"
#include "../noise.hpp"
#include "../product.hpp"
#include "../vmath.hpp"

namespace {

using namespace wg::WG_ISA;
using wg::Act;
using wg::Precision;
using wg::Unary;
using wg::Weight;

int failures = 0;

#define CHECK(condition, ...)                   \
    do {                                        \
        if (!(condition)) {                     \
            ++failures;                         \
            std::printf("line %d: ", __LINE__); \
            std::printf(__VA_ARGS__);           \
            std::printf("\n");                  \
        }                                       \
    } while (0)

// A small generator of its own, so that the tests are the same everywhere.
struct Random {
    std::uint64_t state = 1;
    float operator()() {  // -1 .. 1
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (float)(std::int32_t)(state >> 32) * 0x1p-31f;
    }
};

float from_bits(std::uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

std::uint16_t to_bf16(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return (std::uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float from_bf16(std::uint16_t half) { return from_bits((std::uint32_t)half << 16); }

// Memory that ends where it says: one guard value on each side.
struct Guarded {
    std::vector<float> memory;
    explicit Guarded(std::size_t n) : memory(n + 2, 12345.0f) {}
    float* data() { return memory.data() + 1; }
    bool whole() const { return memory.front() == 12345.0f && memory.back() == 12345.0f; }
};

// A matrix in a file's layout, its exact values, and its packed form.
struct Matrix {
    std::vector<char> rows;
    std::vector<double> exact;
    std::vector<float> scale;
    std::vector<std::int32_t> row_sum;
    std::vector<std::byte> memory;
    Weight weight;

    Matrix(Precision precision, int n, int k, Random& random)
        : exact((std::size_t)(n * k)), weight{precision, n, k, nullptr, nullptr, nullptr} {
        const std::size_t size = precision == Precision::float32    ? 4
                                 : precision == Precision::bfloat16 ? 2
                                                                    : 1;
        rows.resize(1 + exact.size() * size);  // read from an odd address
        for (int row = 0; row < n; ++row) scale.push_back(0.01f + 0.005f * random());
        for (std::size_t i = 0; i < exact.size(); ++i) {
            const float value = random();
            char* at = rows.data() + 1 + i * size;
            if (precision == Precision::float32) {
                std::memcpy(at, &value, 4);
                exact[i] = value;
            } else if (precision == Precision::bfloat16) {
                const std::uint16_t half = to_bf16(value);
                std::memcpy(at, &half, 2);
                exact[i] = from_bf16(half);
            } else {
                // The extremes too: -128 is what a saturating product would get wrong.
                const int whole = i % 7 == 0 ? -128 : i % 7 == 1 ? 127 : (int)(value * 127);
                *at = (char)whole;
                exact[i] = (double)whole * scale[i / (std::size_t)k];
            }
        }
        const std::size_t bytes = packed_bytes(precision, n, k);
        CHECK(bytes % 64 == 0, "packed_bytes(%d, %d) = %zu", n, k, bytes);
        memory.resize(bytes + 128);
        auto* packed = reinterpret_cast<std::byte*>(
            (reinterpret_cast<std::uintptr_t>(memory.data()) + 63) / 64 * 64);
        for (std::byte& byte : memory) byte = std::byte{77};
        pack(precision, n, k, rows.data() + 1, packed);
        CHECK(packed[bytes] == std::byte{77}, "pack(%d, %d) wrote past its end", n, k);
        weight.packed = packed;
        if (precision == Precision::int8) {
            row_sum.resize((std::size_t)n);
            row_sums(n, k, rows.data() + 1, row_sum.data());
            weight.scale = scale.data();
            weight.row_sum = row_sum.data();
        }
    }
};

// What the input becomes in a precision, as doubles.
std::vector<double> seen(Precision precision, const float* x, int k) {
    std::vector<double> values(x, x + k);
#if defined(__AVX512BF16__)
    if (precision == Precision::bfloat16)
        for (double& value : values) value = from_bf16(to_bf16((float)value));
#endif
    if (precision == Precision::int8) {
        double low = 0, high = 0;
        for (double value : values) low = std::fmin(low, value), high = std::fmax(high, value);
        const double step = (high - low) / 255;
        for (double& value : values)
            value = step > 0 ? std::nearbyint((value - low) / step) * step + low : 0;
    }
    return values;
}

void test_product(Precision precision, int n, int k) {
    Random random;
    const Matrix matrix(precision, n, k, random);
    std::vector<Guarded> x, add0, add1, alone, together;
    std::vector<std::vector<std::byte>> memory;
    const float* xs[max_block];
    const float* add0s[max_block];
    const float* add1s[max_block];
    std::byte* scratch[max_block];
    for (int v = 0; v < max_block; ++v) {
        x.emplace_back((std::size_t)k);
        for (int i = 0; i < k; ++i) x[(std::size_t)v].data()[i] = random() * (float)(v + 1);
        for (auto* add : {&add0, &add1}) {
            add->emplace_back((std::size_t)n);
            for (int i = 0; i < n; ++i) add->back().data()[i] = random();
        }
        alone.emplace_back((std::size_t)n);
        together.emplace_back((std::size_t)n);
        memory.emplace_back(product_scratch_bytes(k) + 64, std::byte{77});
    }
    for (std::size_t v = 0; v < (std::size_t)max_block; ++v) {
        xs[v] = x[v].data();
        add0s[v] = add0[v].data();
        add1s[v] = add1[v].data();
        scratch[v] = reinterpret_cast<std::byte*>(
            (reinterpret_cast<std::uintptr_t>(memory[v].data()) + 63) / 64 * 64);
    }
    for (int adds = 0; adds < 3; ++adds) {
        const bool has0 = adds > 0, has1 = adds > 1;
        for (int v = 0; v < max_block; ++v) {
            float* y = alone[(std::size_t)v].data();
            product(matrix.weight, 1, xs + v, &y, has0 ? add0s + v : nullptr,
                    has1 ? add1s + v : nullptr, scratch + v);
            CHECK(alone[(std::size_t)v].whole(), "product (%d, %d) wrote past y", n, k);
            const std::vector<double> input = seen(precision, xs[v], k);
            for (int row = 0; row < n; ++row) {
                double sum = 0, size = 0;
                for (int i = 0; i < k; ++i) {
                    const double term =
                        matrix.exact[(std::size_t)(row * k + i)] * input[(std::size_t)i];
                    sum += term;
                    size += std::fabs(term);
                }
                if (has0) sum += add0s[v][row];
                if (has1) sum += add1s[v][row];
                const double allowed = (4 + std::sqrt((double)k)) * 1.2e-7 * (size + 2);
                CHECK(std::fabs(y[row] - sum) <= allowed,
                      "product %d (%d, %d), row %d: %.9g, not %.9g", (int)precision, n, k, row,
                      (double)y[row], sum);
                if (failures > 20) return;
            }
        }
        for (int n_voices = 1; n_voices <= max_block; ++n_voices) {
            for (int first = 0; first + n_voices <= max_block; first += n_voices) {
                float* ys[max_block];
                for (int v = 0; v < n_voices; ++v)
                    ys[v] = together[(std::size_t)(first + v)].data();
                product(matrix.weight, n_voices, xs + first, ys, has0 ? add0s + first : nullptr,
                        has1 ? add1s + first : nullptr, scratch + first);
                for (int v = 0; v < n_voices; ++v) {
                    const auto at = (std::size_t)(first + v);
                    CHECK(together[at].whole(), "product of %d voices wrote past y", n_voices);
                    CHECK(!std::memcmp(ys[v], alone[at].data(), (std::size_t)n * 4),
                          "product %d (%d, %d): voice %d of %d differs from itself alone",
                          (int)precision, n, k, v, n_voices);
                }
            }
        }
    }
}

void test_special_inputs() {
    Random random;
    for (const Precision precision : {Precision::float32, Precision::bfloat16, Precision::int8}) {
        const Matrix matrix(precision, 20, 40, random);
        std::vector<float> x(40), y(20);
        const float* xs = x.data();
        float* ys = y.data();
        std::vector<std::byte> memory(product_scratch_bytes(40) + 64);
        std::byte* scratch = reinterpret_cast<std::byte*>(
            (reinterpret_cast<std::uintptr_t>(memory.data()) + 63) / 64 * 64);
        const auto run = [&] { product(matrix.weight, 1, &xs, &ys, nullptr, nullptr, &scratch); };
        run();
        for (float value : y) CHECK(value == 0, "zeros give %g", (double)value);
        x[3] = NAN;
        run();
        for (float value : y) CHECK(value != value, "a NaN gives %g", (double)value);
        x[3] = INFINITY;
        run();
        for (float value : y) CHECK(!std::isfinite(value), "infinity gives %g", (double)value);
        for (float& value : x) value = 1e-30f * random();
        run();
        double size = 0;
        for (float value : y) size += std::fabs(value);
        CHECK(size > 1e-31 && size < 1e-27, "tiny inputs give %g", size);
    }
}

// Distance in units of the last place of the exact value.
double ulps(float value, double exact) {
    if (std::isnan(exact) || std::isnan(value))
        return std::isnan(exact) == std::isnan(value) ? 0 : 1e9;
    if (std::isinf(exact) || std::isinf(value) || std::fabs(exact) > FLT_MAX)
        return value == (float)exact ? 0 : 1e9;
    int exponent;
    std::frexp(exact, &exponent);
    const double unit = std::ldexp(1.0, exact == 0 || exponent < -125 ? -149 : exponent - 24);
    return std::fabs(value - exact) / unit;
}

void test_unary(const char* name, Unary fn, double (*exact)(double), double bound, double floor) {
    std::vector<float> x;
    // Every 4099th float: all exponents, denormals too.
    for (std::uint64_t bits = 0; bits <= 0xffffffffu; bits += 4099)
        x.push_back(from_bits((std::uint32_t)bits));
    for (float value :
         {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.0f, -1.0f, FLT_MAX, -FLT_MAX, FLT_MIN})
        x.push_back(value);
    for (int i = -20000; i <= 20000; ++i) x.push_back((float)i * 0.00123f);
    for (int i = -2000; i <= 2000; ++i) x.push_back((float)i * 0.0523f);
    std::vector<float> out(x.size());
    unary(fn, x.data(), out.data(), x.size());
    double worst = 0;
    float where = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double value = exact(x[i]);
        double distance = ulps(out[i], value);
        if (std::fabs(out[i] - value) <= floor) distance = 0;
        if (distance > worst) {
            worst = distance;
            where = x[i];
        }
    }
    CHECK(worst <= bound, "%s: %.3f ulp at %.9g", name, worst, (double)where);
    // Values do not depend on where they stand, and the output may be the input.
    for (std::size_t n = 1; n < 40; ++n) {
        Guarded part(n);
        std::memcpy(part.data(), x.data() + x.size() - 3000, n * 4);
        unary(fn, part.data(), part.data(), n);
        CHECK(part.whole(), "%s of %zu writes past its end", name, n);
        CHECK(!std::memcmp(part.data(), out.data() + x.size() - 3000, n * 4),
              "%s of %zu differs in place", name, n);
    }
}

double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double exact_silu(double x) { return x / (1 + std::exp(-x)); }
double exact_softplus(double x) {
    return x != x ? x : std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
}
double exact_log_sigmoid(double x) { return -exact_softplus(-x); }
double exact_gelu(double x) { return 0.5 * x * std::erfc(x * -0.70710678118654752440); }
double exact_gelu_tanh(double x) {
    return x / (1 + std::exp(-1.59576912160573071176 * x * (1 + 0.044715 * x * x)));
}
double exact_relu(double x) { return x < 0 ? 0 : x; }
double exact_sign(double x) { return (x > 0) - (x < 0); }
double exact_not(double x) { return x == 0; }

// The bounds are what was measured, rounded up: units of the last place, or an absolute error where
// the last place says little.
void test_all_unary() {
    test_unary("exp", Unary::exp, [](double x) { return std::exp(x); }, 1.5, 0);
    test_unary("tanh", Unary::tanh, [](double x) { return std::tanh(x); }, 2.5, 0);
    test_unary("sigmoid", Unary::sigmoid, exact_sigmoid, 2.5, 0);
    test_unary("silu", Unary::silu, exact_silu, 3.5, 1e-35);
    test_unary("gelu", Unary::gelu, exact_gelu, 10, 1e-12);
    test_unary("gelu_tanh", Unary::gelu_tanh, exact_gelu_tanh, 7, 1e-6);
    test_unary("softplus", Unary::softplus, exact_softplus, 3, 0);
    test_unary("log_sigmoid", Unary::log_sigmoid, exact_log_sigmoid, 3, 0);
    test_unary("relu", Unary::relu, exact_relu, 0, 0);
    test_unary("expm1", Unary::expm1, [](double x) { return std::expm1(x); }, 2, 0);
    test_unary("log", Unary::log, [](double x) { return std::log(x); }, 2, 0);
    test_unary("log1p", Unary::log1p, [](double x) { return std::log1p(x); }, 2, 0);
    test_unary("sqrt", Unary::sqrt, [](double x) { return std::sqrt(x); }, 0.6, 0);
    test_unary("rsqrt", Unary::rsqrt, [](double x) { return 1 / std::sqrt(x); }, 1.6, 0);
    test_unary("reciprocal", Unary::reciprocal, [](double x) { return 1 / x; }, 0.6, 0);
    test_unary("erf", Unary::erf, [](double x) { return std::erf(x); }, 4, 0);
    test_unary("sin", Unary::sin, [](double x) { return std::sin(x); }, 2, 0);
    test_unary("cos", Unary::cos, [](double x) { return std::cos(x); }, 2, 0);
    test_unary("neg", Unary::neg, [](double x) { return -x; }, 0, 0);
    test_unary("abs", Unary::abs, [](double x) { return std::fabs(x); }, 0, 0);
    test_unary("not", Unary::not_, exact_not, 0, 0);
    test_unary("floor", Unary::floor, [](double x) { return std::floor(x); }, 0, 0);
    test_unary("ceil", Unary::ceil, [](double x) { return std::ceil(x); }, 0, 0);
    test_unary("round", Unary::round, [](double x) { return std::nearbyint(x); }, 0, 0);
    test_unary("trunc", Unary::trunc, [](double x) { return std::trunc(x); }, 0, 0);
    test_unary("sign", Unary::sign, exact_sign, 0, 0);
    test_unary("square", Unary::square, [](double x) { return x * x; }, 0.6, 0);
}

void test_ndtri() {
    std::vector<float> p = {0, 1, -0.1f, 1.1f, NAN, 0.5f};
    for (int i = 1; i < 1000; ++i) p.push_back((float)i / 1000);
    for (int i = 1; i < 30; ++i) p.push_back(std::ldexp(1.0f, -4 * i));
    std::vector<float> out(p.size());
    unary(Unary::ndtri, p.data(), out.data(), p.size());
    CHECK(out[0] == -INFINITY && out[1] == INFINITY && out[5] == 0, "ndtri at 0, 1 and 1/2");
    CHECK(out[2] != out[2] && out[3] != out[3] && out[4] != out[4], "ndtri outside of 0 .. 1");
    for (std::size_t i = 6; i < p.size(); ++i) {
        const double x = out[i], back = 0.5 * std::erfc(x * -0.70710678118654752440);
        const double slope = std::exp(-x * x / 2) * 0.39894228040143267794;
        CHECK(std::fabs(back - p[i]) / slope <= 4e-7 * (std::fabs(x) + 0.1), "ndtri(%g) = %g",
              (double)p[i], x);
    }
}

void test_noise() {
    float out[7];
    uniforms(0x123456789abcdefull, (std::uint64_t)-5, 7, out);
    for (float u : out) CHECK(u > 0 && u < 1, "uniform %g", (double)u);
    // The known answer of Random123 for zeros: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
    std::uint32_t words[4];
    philox(0, 0, 0, words);
    CHECK(words[0] == 0x6627e8d5u && words[1] == 0xe169c58du && words[2] == 0xbc57ac4cu &&
              words[3] == 0x9b00dbd8u,
          "philox gives %08x %08x %08x %08x", words[0], words[1], words[2], words[3]);
}

int draw(const std::vector<float>& logits, wg_controls controls, float u) {
    std::vector<std::uint64_t> scratch(sample_scratch_bytes((int)logits.size()) / 8 + 1);
    return sample(logits.data(), (int)logits.size(), controls, u,
                  reinterpret_cast<std::byte*>(scratch.data()));
}

// Which of 4 classes of probability 1/2, 1/4, 3/16, 1/16 (in this order: 2, 0, 3, 1) can be drawn.
int drawn_set(wg_controls controls) {
    const std::vector<float> logits = {std::log(0.25f), std::log(0.0625f), std::log(0.5f),
                                       std::log(0.1875f)};
    int set = 0;
    for (int i = 0; i < 4096; ++i) set |= 1 << draw(logits, controls, ((float)i + 0.5f) / 4096);
    return set;
}

void test_draw() {
    const wg_controls plain = {1, 0, 1, 0, 1};
    CHECK(drawn_set(plain) == 15, "plain");
    CHECK(drawn_set({0, 0, 1, 0, 1}) == 4, "greedy");
    CHECK(drawn_set({1e-40f, 0, 1, 0, 1}) == 4, "a tiny temperature is greedy");
    CHECK(drawn_set({1, 1, 1, 0, 1}) == 4, "top_k 1");
    CHECK(drawn_set({1, 2, 1, 0, 1}) == 5, "top_k 2");
    CHECK(drawn_set({1, 9, 1, 0, 1}) == 15, "top_k 9");
    CHECK(drawn_set({1, 0, 0.6f, 0, 1}) == 5, "top_p 0.6");
    CHECK(drawn_set({1, 0, 0.4f, 0, 1}) == 4, "top_p 0.4");
    CHECK(drawn_set({1, 0, 1e-9f, 0, 1}) == 4, "the best class always stays");
    CHECK(drawn_set({1, 0, 1, 0.3f, 1}) == 13, "min_p 0.3");
    CHECK(drawn_set({1, 0, 1, 1, 1}) == 4, "min_p 1");
    // Surprises 0.69, 1.39, 1.67, 2.77 around an entropy of 1.18: class 0 is the nearest, then 2
    // and 3.
    CHECK(drawn_set({1, 0, 1, 0, 0.2f}) == 1, "typical_p 0.2");
    CHECK(drawn_set({1, 0, 1, 0, 0.3f}) == 5, "typical_p 0.3");
    CHECK(drawn_set({1, 0, 1, 0, 0.8f}) == 13, "typical_p 0.8");
    CHECK(drawn_set({1, 0, 1, 0, 0.99f}) == 15, "typical_p 0.99");
    CHECK(drawn_set({1, 3, 0.7f, 0.3f, 0.9f}) == 5, "all controls");

    // Ties are stable: of equal classes the first ones stay.
    const std::vector<float> equal(37, 0.5f);
    for (int i = 0; i < 100; ++i)
        CHECK(draw(equal, {1, 5, 1, 0, 1}, ((float)i + 0.5f) / 100) < 5, "ties");

    // Against a plain running sum, at uniforms clear of the borders; weights of 0 between.
    Random random;
    for (int n : {1, 2, 15, 16, 17, 100, 256, 1000}) {
        std::vector<float> weights((std::size_t)n);
        for (int i = 0; i < n; ++i) weights[(std::size_t)i] = i % 3 == 2 ? 0 : 1.01f + random();
        double whole = 0, before = 0;
        for (float weight : weights) whole += weight;
        for (int i = 0; i < n; ++i) {
            const double weight = weights[(std::size_t)i];
            if (weight > 0.01)
                for (double part : {0.01, 0.5, 0.99}) {
                    const int drawn =
                        draw_class(weights.data(), n, (float)((before + part * weight) / whole));
                    CHECK(drawn == i, "draw_class of %d gives %d, not %d", n, drawn, i);
                }
            before += weight;
        }
        for (float u : {0.0f, 0x1p-24f, 1 - 0x1p-24f, 1.0f})
            CHECK(weights[(std::size_t)draw_class(weights.data(), n, u)] > 0,
                  "a class of weight 0, n %d", n);
    }
    for (const std::vector<float>& weights :
         {std::vector<float>{0, 0, 0}, {NAN, 1, 1}, {1, INFINITY, 1}, {0, 0, 1}}) {
        const int drawn = draw_class(weights.data(), 3, 0.5f);
        CHECK(drawn >= 0 && drawn < 3, "%d", drawn);
    }
    for (const std::vector<float>& logits : {std::vector<float>{NAN, NAN, NAN},
                                             {-INFINITY, -INFINITY, -INFINITY},
                                             {INFINITY, 0, INFINITY},
                                             {-INFINITY, 0, -INFINITY}})
        for (const wg_controls& controls :
             {plain, wg_controls{0, 0, 1, 0, 1}, wg_controls{0.5f, 2, 0.5f, 0.1f, 0.5f}}) {
            const int drawn = draw(logits, controls, 0.7f);
            CHECK(drawn >= 0 && drawn < 3, "%d", drawn);
            if (logits[1] == 0 && logits[0] < 0) CHECK(drawn == 1, "a class of weight 0");
        }

    std::vector<float> logits = {1, 3, 2, 3}, out(4);
    temper(logits.data(), 4, 0, out.data());
    CHECK(out[1] == 1 && out[3] == 0, "greedy leaves the first of the best");
    temper(logits.data(), 4, 2, out.data());
    CHECK(std::fabs(out[0] / out[2] - std::exp(-0.5f)) < 1e-6f, "temperature");
    CHECK(std::fabs(out[0] + out[1] + out[2] + out[3] - 1) < 1e-6f, "temper does not sum to 1");
}

void test_activations() {
    Random random;
    for (int half : {1, 5, 16, 64, 100}) {
        std::vector<float> y((std::size_t)half * 2);
        for (float& value : y) value = 5 * random();
        Guarded out((std::size_t)half);
        activate(Act::gate, y.data(), 2 * half, out.data());
        CHECK(out.whole(), "gate of %d wrote past its end", half);
        for (int i = 0; i < half; ++i) {
            const double a = y[(std::size_t)i], b = y[(std::size_t)(half + i)];
            const double exact = std::tanh(a) / (1 + std::exp(-b));
            CHECK(ulps(out.data()[i], exact) < 5, "gate(%g, %g) = %g", a, b, (double)out.data()[i]);
        }
    }
}

}  // namespace

int main() {
    for (const Precision precision : {Precision::float32, Precision::bfloat16, Precision::int8}) {
        for (int n : {1, 3, 16, 17, 64, 65, 100, 128, 130})
            for (int k : {1, 3, 4, 7, 33, 64}) test_product(precision, n, k);
        test_product(precision, 130, 1920);
    }
    test_special_inputs();
    test_activations();
    test_all_unary();
    test_ndtri();
    test_noise();
    test_draw();
    if (failures) std::printf("%d failures\n", failures);
    return failures ? 1 : 0;
}

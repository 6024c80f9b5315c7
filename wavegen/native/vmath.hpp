// The elementwise functions: on vectors where a model calls them often, else through the C library.
#pragma once

#include <math.h>

#include <cstddef>

#include "functions.hpp"
#include "simd.hpp"

namespace wg::WG_ISA {

// x = n ln 2 + rest with |rest| <= ln 2 / 2, so that e^x = 2^n e^rest.
struct Reduced {
    Float rest;
    Int n;
};

inline Reduced reduced(Float x) {
    // Added to a small number, this leaves the nearest integer in the low bits.
    const Float shifter = splat(0x1.8p23f);
    const Float shifted = multiply_add(x, splat(0x1.715476p0f), shifter);
    const Float n = shifted - shifter;
    // ln 2 in two parts; the first has so few bits that n times it is exact.
    Float rest = multiply_add(n, splat(-0x1.62ep-1f), x);
    rest = multiply_add(n, splat(-0x1.0bfbe8p-15f), rest);
    return {rest, bits_as<Int>(shifted) - bits_as<Int>(shifter)};
}

// e^r - 1 for |r| <= ln 2 / 2: r + r^2 P(r), with P the minimax polynomial.
inline Float small_expm1(Float r) {
    Float p = splat(0.00019891247f);
    p = multiply_add(p, r, splat(0.0013933881f));
    p = multiply_add(p, r, splat(0.0083333107f));
    p = multiply_add(p, r, splat(0.041666463f));
    p = multiply_add(p, r, splat(0.16666667f));
    p = multiply_add(p, r, splat(0.5f));
    return multiply_add(r * r, p, r);
}

inline Float power_of_two(Int n) { return bits_as<Float>(bits_as<Word>(n + 127) << 23); }

inline Float exp(Float x) {
    x = x < splat(-104.0f) ? splat(-104.0f) : x;
    x = x > splat(89.0f) ? splat(89.0f) : x;
    const Reduced part = reduced(x);
    // Two factors, because 2^n itself may lie outside the floats.
    const Int half = part.n >> 1;
    const Float grown = splat(1.0f) + small_expm1(part.rest);
    return grown * power_of_two(half) * power_of_two(part.n - half);
}

// e^(2 |x|) - 1, from which tanh |x| = this / (this + 2) keeps its digits near 0.
inline Float expm1_of_double(Float x) {
    Float y = absolute(x);
    y = y > splat(10.0f) ? splat(10.0f) : y;  // from 9.02 on tanh rounds to 1
    const Reduced part = reduced(y + y);
    const Float scale = power_of_two(part.n);
    return multiply_add(scale, small_expm1(part.rest), scale - 1.0f);
}

inline Float tanh(Float x) {
    const Float grown = expm1_of_double(x);
    return with_sign(grown / (grown + 2.0f), x);
}

// sigmoid(x) = above / below; with e^-|x| nothing overflows and the lower tail keeps its digits.
struct Fraction {
    Float above, below;
};

inline Fraction sigmoid_fraction(Float x) {
    const Float decayed = exp(bits_as<Float>(bits_as<Int>(x) | INT32_MIN));
    return {x < splat(0.0f) ? decayed : splat(1.0f), decayed + 1.0f};
}

inline Float sigmoid(Float x) {
    const Fraction share = sigmoid_fraction(x);
    return share.above / share.below;
}

// tanh(a) sigmoid(b) with a single division.
inline Float gate(Float a, Float b) {
    const Float grown = expm1_of_double(a);
    const Fraction share = sigmoid_fraction(b);
    return with_sign(grown * share.above / ((grown + 2.0f) * share.below), a);
}

inline Float relu(Float x) { return x < splat(0.0f) ? splat(0.0f) : x; }

inline Float silu(Float x) { return x * sigmoid(x); }

// x (1 + tanh(y)) / 2 = x sigmoid(2 y), y = sqrt(2 / pi) (x + 0.044715 x^3).
inline Float gelu_tanh(Float x) {
    const Float cubic = multiply_add(x * x, splat(0.044715f), splat(1.0f));
    return x * sigmoid(x * splat(1.5957691f) * cubic);
}

// x Phi(x) with the standard normal Phi: Phi(-t) = e^(-t^2 / 2) s P(s) for t >= 0, s = 1 / (1 +
// 0.35 t), P a minimax polynomial.
inline Float gelu(Float x) {
    Float t = absolute(x);
    t = t > splat(14.5f) ? splat(14.5f) : t;  // beyond, Phi(-t) is below all floats
    const Float s = 1.0f / multiply_add(t, splat(0.35f), splat(1.0f));
    Float p = splat(-0.029157961f);
    p = multiply_add(p, s, splat(0.14403129f));
    p = multiply_add(p, s, splat(-0.25583974f));
    p = multiply_add(p, s, splat(0.1593205f));
    p = multiply_add(p, s, splat(-0.023212895f));
    p = multiply_add(p, s, splat(0.10555273f));
    p = multiply_add(p, s, splat(0.11982124f));
    p = multiply_add(p, s, splat(0.13986352f));
    p = multiply_add(p, s, splat(0.1396213f));
    // e^(-t^2 / 2), with what rounding t^2 leaves over.
    const Float squared = t * t, rest = multiply_add(t, t, -squared);
    const Float rough = exp(squared * -0.5f);
    const Float tail = multiply_add(rough * rest, splat(-0.5f), rough) * s * p;
    return x * (x < splat(0.0f) ? tail : 1.0f - tail);
}

// The standard normal distribution's quantile (Cephes ndtri, Moshier 1989), in double.
inline float ndtri(float share) {
    const double p = share;
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0) return -HUGE_VALF;
    if (p == 1) return HUGE_VALF;
    const double tail = 0.13533528323661269189;  // e^-2
    if (p > tail && p < 1 - tail) {
        const double y = p - 0.5, z = y * y;
        double above = -5.99633501014107895267e1;
        above = above * z + 9.80010754185999661536e1;
        above = above * z - 5.66762857469070293439e1;
        above = above * z + 1.39312609387279679503e1;
        above = above * z - 1.23916583867381258016e0;
        double below = z + 1.95448858338141759834e0;
        below = below * z + 4.67627912898881538453e0;
        below = below * z + 8.63602421390890590575e1;
        below = below * z - 2.25462687854119370527e2;
        below = below * z + 2.00260212380060660359e2;
        below = below * z - 8.20372256168333339912e1;
        below = below * z + 1.59056225126211695515e1;
        below = below * z - 1.18331621121330003142e0;
        return (float)((y + y * (z * above / below)) * 2.50662827463100050242e0);
    }
    const double x = ::sqrt(-2 * ::log(p > 0.5 ? 1 - p : p)), z = 1 / x;
    double above, below;
    if (x < 8) {
        above = 4.05544892305962419923e0;
        above = above * z + 3.15251094599893866154e1;
        above = above * z + 5.71628192246421288162e1;
        above = above * z + 4.40805073893200834700e1;
        above = above * z + 1.46849561928858024014e1;
        above = above * z + 2.18663306850790267539e0;
        above = above * z - 1.40256079171354495875e-1;
        above = above * z - 3.50424626827848203418e-2;
        above = above * z - 8.57456785154685413611e-4;
        below = z + 1.57799883256466749731e1;
        below = below * z + 4.53907635128879210584e1;
        below = below * z + 4.13172038254672030440e1;
        below = below * z + 1.50425385692907503408e1;
        below = below * z + 2.50464946208309415979e0;
        below = below * z - 1.42182922854787788574e-1;
        below = below * z - 3.80806407691578277194e-2;
        below = below * z - 9.33259480895457427372e-4;
    } else {
        above = 3.23774891776946035970e0;
        above = above * z + 6.91522889068984211695e0;
        above = above * z + 3.93881025292474443415e0;
        above = above * z + 1.33303460815807542389e0;
        above = above * z + 2.01485389549179081538e-1;
        above = above * z + 1.23716634817820021358e-2;
        above = above * z + 3.01581553508235416007e-4;
        above = above * z + 2.65806974686737550832e-6;
        above = above * z + 6.23974539184983293730e-9;
        below = z + 6.02427039364742014255e0;
        below = below * z + 3.67983563856160859403e0;
        below = below * z + 1.37702099489081330271e0;
        below = below * z + 2.16236993594496635890e-1;
        below = below * z + 1.34204006088543189037e-2;
        below = below * z + 3.28014464682127739104e-4;
        below = below * z + 2.89247864745380683936e-6;
        below = below * z + 6.79019408009981274425e-9;
    }
    const double size = x - ::log(x) / x - z * above / below;
    return (float)(p > 0.5 ? size : -size);
}

inline float softplus(float x) {
    return (x > 0 ? x : x == x ? 0.0f : x) + ::log1pf(::expf(-::fabsf(x)));
}

template <class F>
inline void each(const float* x, float* out, std::size_t n, F f) {
    for (std::size_t i = 0; i < n; ++i) out[i] = f(x[i]);
}

// out[i] = fn(x[i]); `out` may be `x`.
inline void unary(Unary fn, const float* x, float* out, std::size_t n) {
    switch (fn) {
        case Unary::neg: return map(x, out, n, [](Float v) { return -v; });
        case Unary::abs: return map(x, out, n, [](Float v) { return absolute(v); });
        case Unary::not_: return each(x, out, n, [](float v) { return v == 0 ? 1.0f : 0.0f; });
        case Unary::exp: return map(x, out, n, [](Float v) { return exp(v); });
        case Unary::expm1: return each(x, out, n, [](float v) { return ::expm1f(v); });
        case Unary::log: return each(x, out, n, [](float v) { return ::logf(v); });
        case Unary::log1p: return each(x, out, n, [](float v) { return ::log1pf(v); });
        case Unary::sqrt: return each(x, out, n, [](float v) { return ::sqrtf(v); });
        case Unary::rsqrt: return each(x, out, n, [](float v) { return 1 / ::sqrtf(v); });
        case Unary::reciprocal: return map(x, out, n, [](Float v) { return 1.0f / v; });
        case Unary::tanh: return map(x, out, n, [](Float v) { return tanh(v); });
        case Unary::sigmoid: return map(x, out, n, [](Float v) { return sigmoid(v); });
        case Unary::relu: return map(x, out, n, [](Float v) { return relu(v); });
        case Unary::silu: return map(x, out, n, [](Float v) { return silu(v); });
        case Unary::gelu: return map(x, out, n, [](Float v) { return gelu(v); });
        case Unary::gelu_tanh: return map(x, out, n, [](Float v) { return gelu_tanh(v); });
        case Unary::softplus: return each(x, out, n, [](float v) { return softplus(v); });
        case Unary::log_sigmoid: return each(x, out, n, [](float v) { return -softplus(-v); });
        case Unary::sin: return each(x, out, n, [](float v) { return ::sinf(v); });
        case Unary::cos: return each(x, out, n, [](float v) { return ::cosf(v); });
        case Unary::erf: return each(x, out, n, [](float v) { return ::erff(v); });
        case Unary::ndtri: return each(x, out, n, [](float v) { return ndtri(v); });
        case Unary::floor: return each(x, out, n, [](float v) { return ::floorf(v); });
        case Unary::ceil: return each(x, out, n, [](float v) { return ::ceilf(v); });
        case Unary::round: return each(x, out, n, [](float v) { return ::rintf(v); });
        case Unary::trunc: return each(x, out, n, [](float v) { return ::truncf(v); });
        case Unary::sign:
            return each(x, out, n, [](float v) { return (float)(v > 0) - (float)(v < 0); });
        case Unary::square: return map(x, out, n, [](Float v) { return v * v; });
    }
}

}  // namespace wg::WG_ISA

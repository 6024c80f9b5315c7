// The vectors of this build: one source, as wide as the registers that the compiler may use.
//
// WG_ISA names the build. Everything compiled with its flags lives in namespace wg::WG_ISA, so that
// the linker never takes a function of one build into another.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace wg::WG_ISA {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

typedef float Float __attribute__((vector_size(lanes * 4)));
typedef std::int32_t Int __attribute__((vector_size(lanes * 4)));
typedef std::uint32_t Word __attribute__((vector_size(lanes * 4)));

// Less 0, because 0 more would cost an addition: it is not the same for -0.
inline Float splat(float value) { return value - Float{}; }

// The same bits as another type.
template <class To, class From>
inline To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}

// `lanes` values from any address.
inline Float load(const float* from) {
    Float value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

inline void store(float* to, Float value) { __builtin_memcpy(to, &value, sizeof value); }

#if defined(__AVX__) && !defined(__AVX512F__)
// All bits in the first `count` lanes.
inline Int first_lanes(std::size_t count) { return Int{0, 1, 2, 3, 4, 5, 6, 7} < (int)count; }
#endif

// The first `count` lanes, fewer than all; the others are 0, and their memory is not touched.
inline Float load_part(const float* from, std::size_t count) {
#if defined(__AVX512F__)
    return (Float)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1u), from);
#elif defined(__AVX__)
    return (Float)_mm256_maskload_ps(from, (__m256i)first_lanes(count));
#else
    float part[lanes] = {};
    for (std::size_t i = 0; i < lanes; ++i)
        if (i < count) part[i] = from[i];
    return load(part);
#endif
}

inline void store_part(float* to, Float value, std::size_t count) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1u), (__m512)value);
#elif defined(__AVX__)
    _mm256_maskstore_ps(to, (__m256i)first_lanes(count), (__m256)value);
#else
    for (std::size_t i = 0; i < lanes; ++i)
        if (i < count) to[i] = value[i];
#endif
}

// a * b + c, always rounded the same way. Left to the compiler, two copies of one function could
// differ in what they fuse, and a voice would then depend on its company.
inline Float multiply_add(Float a, Float b, Float c) {
#if defined(__AVX512F__)
    return (Float)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (Float)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (Float)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

inline Float absolute(Float x) { return bits_as<Float>(bits_as<Int>(x) & 0x7fffffff); }

// The size of `x` with the sign of `sign`.
inline Float with_sign(Float x, Float sign) {
    const Int top = Int{} + INT32_MIN;
    return bits_as<Float>((bits_as<Int>(x) & ~top) | (bits_as<Int>(sign) & top));
}

// The four values that are left when the vector is folded in halves by `join`.
template <class Vector, class Join>
inline auto folded(Vector x, Join join) {
    if constexpr (sizeof(Vector) == 16) {
        return x;
    } else {
        typedef decltype(x[0] + x[0]) Value;
        typedef Value Half __attribute__((vector_size(sizeof(Vector) / 2)));
        struct {
            Half low, high;
        } part;
        __builtin_memcpy(&part, &x, sizeof x);
        return folded(join(part.low, part.high), join);
    }
}

// The sum of all lanes.
inline float total(Float x) {
    const auto sum = folded(x, [](auto a, auto b) { return a + b; });
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

// out[i] = f(x[i]) for a function of vectors; `out` may be `x`.
template <class F>
inline void map(const float* x, float* out, std::size_t n, F f) {
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) store(out + i, f(load(x + i)));
    if (i < n) store_part(out + i, f(load_part(x + i, n - i)), n - i);
}

// out[i] = f(a[i], b[i]); `out` may be `a` or `b`.
template <class F>
inline void map2(const float* a, const float* b, float* out, std::size_t n, F f) {
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) store(out + i, f(load(a + i), load(b + i)));
    if (i < n) store_part(out + i, f(load_part(a + i, n - i), load_part(b + i, n - i)), n - i);
}

}  // namespace wg::WG_ISA

// Products of packed matrices with the inputs of one voice or of several.
//
// A matrix is packed in tiles of 64 rows (the last one of 16 to 48; zeros fill it up). Inside a tile
// the columns follow each other, as many at once as fill 32 bits: one float32, a pair of bfloat16, or
// a quad of int8. A row's sum stays in one register over all columns, so its additions have the same
// order for any number of voices: a voice's results are the same bits alone and in company.
#pragma once

#include <cstddef>
#include <cstdint>

#include "functions.hpp"
#include "simd.hpp"
#include "vmath.hpp"
#include "weights.hpp"

namespace wg::WG_ISA {

constexpr int max_block = 8;  // voices in one call of `product`
constexpr int tile_rows = 64;
constexpr int row_multiple = 16;

inline int columns_at_once(Precision precision) {
    return precision == Precision::float32 ? 1 : precision == Precision::bfloat16 ? 2 : 4;
}

inline int packed_rows(int n) { return (n + row_multiple - 1) / row_multiple * row_multiple; }

inline int packed_steps(Precision precision, int k) {
    return (k + columns_at_once(precision) - 1) / columns_at_once(precision);
}

inline std::size_t packed_bytes(Precision precision, int n, int k) {
    return (std::size_t)packed_rows(n) * (std::size_t)packed_steps(precision, k) * 4;
}

// `rows` is the (n, k) matrix as it lies in a file, aligned to nothing.
inline void pack(Precision precision, int n, int k, const void* rows, std::byte* packed) {
    const int size = 4 / columns_at_once(precision);
    const std::size_t row_bytes = (std::size_t)k * (std::size_t)size;
    const int steps = packed_steps(precision, k);
    for (int tile = 0; tile < n; tile += tile_rows) {
        const int width = packed_rows(n - tile < tile_rows ? n - tile : tile_rows);
        for (int step = 0; step < steps; ++step) {
            const std::size_t first = (std::size_t)step * 4;
            const std::size_t count = row_bytes - first < 4 ? row_bytes - first : 4;
            for (int row = tile; row < tile + width; ++row, packed += 4) {
                std::uint32_t word = 0;
                if (row < n)
                    __builtin_memcpy(&word,
                                     static_cast<const std::byte*>(rows) +
                                         (std::size_t)row * row_bytes + first,
                                     count);
                __builtin_memcpy(packed, &word, 4);
            }
        }
    }
}

// The sum of each row of an int8 matrix (n, k), as `Weight` wants it.
inline void row_sums(int n, int k, const void* rows, std::int32_t* sums) {
    const auto* at = static_cast<const signed char*>(rows);
    for (int row = 0; row < n; ++row) {
        sums[row] = 0;
        for (int column = 0; column < k; ++column) sums[row] += *at++;
    }
}

// One voice's input as the kernels read it, aligned to 64.
inline std::size_t product_scratch_bytes(int k) { return ((std::size_t)k * 4 + 127) / 64 * 64; }

inline Int load_words(const void* from) {
    Int value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

inline Float broadcast(const std::byte* x) {
    float value;
    __builtin_memcpy(&value, x, 4);
    return splat(value);
}

inline Int broadcast_word(const std::byte* x) {
    std::int32_t value;
    __builtin_memcpy(&value, x, 4);
    return Int{} + value;
}

// How a matrix of one precision meets an input, step by step. `Matrix` is what a register of weights
// is taken apart into, `Input` the same of one voice's input; `input_bytes` is the input's stride.
struct Float32 {
    using Sum = Float;
    using Matrix = Float;
    using Input = Float;
    static constexpr int input_bytes = 4;

    static Matrix matrix(const std::byte* packed) { return bits_as<Float>(load_words(packed)); }
    static Input input(const std::byte* x) { return broadcast(x); }
    static Sum multiply(Sum sum, Matrix m, Input x) { return multiply_add(m, x, sum); }
};

#if defined(__AVX512BF16__)
struct BFloat16 {
    using Sum = Float;
    using Matrix = Int;
    using Input = Int;
    static constexpr int input_bytes = 4;

    static Matrix matrix(const std::byte* packed) { return load_words(packed); }
    static Input input(const std::byte* x) { return broadcast_word(x); }
    static Sum multiply(Sum sum, Matrix m, Input x) {
        return (Float)_mm512_dpbf16_ps((__m512)sum, bits_as<__m512bh>(m), bits_as<__m512bh>(x));
    }
};

// Rounds to the nearest bfloat16, even where two are as near.
inline void to_bfloat16(const float* x, int k, std::byte* out) {
    int i = 0;
    for (; i + lanes <= k; i += lanes) {
        const __m256bh half = _mm512_cvtneps_pbh((__m512)load(x + i));
        __builtin_memcpy(out + 2 * i, &half, sizeof half);
    }
    // Zeros fill up the last pair.
    const __m256bh half = _mm512_cvtneps_pbh((__m512)load_part(x + i, (std::size_t)(k - i)));
    __builtin_memcpy(out + 2 * i, &half, sizeof half);
}
#else
// Widened, and multiplied in float32.
struct BFloat16 {
    using Sum = Float;
    struct Matrix {
        Float first, second;
    };
    using Input = Matrix;
    static constexpr int input_bytes = 8;

    static Matrix matrix(const std::byte* packed) {
        const Word pairs = bits_as<Word>(load_words(packed));
        return {bits_as<Float>(pairs << 16), bits_as<Float>(pairs & 0xffff0000u)};
    }
    static Input input(const std::byte* x) { return {broadcast(x), broadcast(x + 4)}; }
    static Sum multiply(Sum sum, Matrix m, Input x) {
        return multiply_add(m.second, x.second, multiply_add(m.first, x.first, sum));
    }
};

// The input stays as it is; a zero fills up the last pair.
inline void to_bfloat16(const float* x, int k, std::byte* out) {
    __builtin_memcpy(out, x, (std::size_t)k * 4);
    __builtin_memset(out + (std::size_t)k * 4, 0, 4);
}
#endif

#if defined(__AVX512VNNI__)
// The instruction wants the input unsigned: 128 more than it is, which `row_sum` takes back.
struct Int8 {
    using Sum = Int;
    using Matrix = Int;
    using Input = Int;
    static constexpr int input_bytes = 4;
    static constexpr unsigned char offset = 128;

    static Matrix matrix(const std::byte* packed) { return load_words(packed); }
    static Input input(const std::byte* x) { return broadcast_word(x); }
    static Sum multiply(Sum sum, Matrix m, Input x) {
        return (Int)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)m);
    }
};
#elif defined(__ARM_FEATURE_DOTPROD)
struct Int8 {
    using Sum = Int;
    using Matrix = Int;
    using Input = Int;
    static constexpr int input_bytes = 4;
    static constexpr unsigned char offset = 0;

    static Matrix matrix(const std::byte* packed) { return load_words(packed); }
    static Input input(const std::byte* x) { return broadcast_word(x); }
    static Sum multiply(Sum sum, Matrix m, Input x) {
        return (Int)vdotq_s32((int32x4_t)sum, bits_as<int8x16_t>(m), bits_as<int8x16_t>(x));
    }
};
#elif defined(__SSE2__)
// Widened to int16, of which the processor multiplies and adds pairs.
struct Int8 {
    typedef std::int16_t Short __attribute__((vector_size(lanes * 4)));
    using Sum = Int;
    struct Matrix {
        Short even, odd;
    };
    using Input = Matrix;
    static constexpr int input_bytes = 4;
    static constexpr unsigned char offset = 0;

    static Matrix widened(Int quads) {
        typedef std::uint16_t UShort __attribute__((vector_size(lanes * 4)));
        const UShort low = bits_as<UShort>(quads) << 8;
        return {bits_as<Short>(low) >> 8, bits_as<Short>(quads) >> 8};
    }
    static Matrix matrix(const std::byte* packed) { return widened(load_words(packed)); }
    static Input input(const std::byte* x) { return widened(broadcast_word(x)); }
    static Int pairs(Short a, Short b) {
#if defined(__AVX512BW__)
        return (Int)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
        return (Int)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
        return (Int)_mm_madd_epi16((__m128i)a, (__m128i)b);
#endif
    }
    static Sum multiply(Sum sum, Matrix m, Input x) {
        return sum + pairs(m.even, x.even) + pairs(m.odd, x.odd);
    }
};
#else
struct Int8 {
    using Sum = Int;
    struct Matrix {
        Int at[4];
    };
    using Input = Matrix;
    static constexpr int input_bytes = 4;
    static constexpr unsigned char offset = 0;

    static Matrix widened(Int quads) {
        const Word bits = bits_as<Word>(quads);
        return {{bits_as<Int>(bits << 24) >> 24, bits_as<Int>(bits << 16) >> 24,
                 bits_as<Int>(bits << 8) >> 24, quads >> 24}};
    }
    static Matrix matrix(const std::byte* packed) { return widened(load_words(packed)); }
    static Input input(const std::byte* x) { return widened(broadcast_word(x)); }
    static Sum multiply(Sum sum, Matrix m, Input x) {
        for (int i = 0; i < 4; ++i) sum += m.at[i] * x.at[i];
        return sum;
    }
};
#endif

// The input as int8 quads; returns what an integer is worth. It is not finite if an input is not.
inline float to_int8(const float* x, int k, std::byte* out) {
    // Bits of magnitudes have the order of the magnitudes, and no number stands above infinity.
    Int most = Int{};
    int i = 0;
    for (; i < k; i += lanes) {
        const Float part = k - i < lanes ? load_part(x + i, (std::size_t)(k - i)) : load(x + i);
        const Int magnitude = bits_as<Int>(absolute(part));
        most = magnitude > most ? magnitude : most;
    }
    const auto four = folded(most, [](auto a, auto b) { return a > b ? a : b; });
    const std::int32_t left = four[0] > four[1] ? four[0] : four[1];
    const std::int32_t right = four[2] > four[3] ? four[2] : four[3];
    const float largest = bits_as<float>(left > right ? left : right);
    // Below this the quotient would overflow.
    const Float inverse = splat(largest > 1e-36f ? 127.0f / largest : 0.0f);
    const Float shifter = splat(0x1.8p23f);  // leaves the nearest integer in the low bits
    for (i = 0; i < k; i += lanes) {
        const Float part = k - i < lanes ? load_part(x + i, (std::size_t)(k - i)) : load(x + i);
        const Int rounded = bits_as<Int>(multiply_add(part, inverse, shifter));
        store_bytes(out + i, rounded - bits_as<Int>(shifter) + (int)Int8::offset);
    }
    return largest / 127.0f;
}

// One call of `product`, its inputs ready.
struct Call {
    const Weight& weight;
    const std::byte* input[max_block];
    float input_scale[max_block];  // what an integer of the input is worth
    float* const* y;
    const float* const* add0;
    const float* const* add1;
};

// What is added to a strip where nothing is to be added.
constexpr float zeros[tile_rows] = {};

// What integer sums are worth. Rounded here, lest one copy of this function fuse the product with
// the addition that follows.
inline Float worth(Int sum, const std::int32_t* row_sum, const float* scale, float input_scale) {
    const Int offset = load_words(row_sum) * (int)Int8::offset;
    return multiply_add(__builtin_convertvector(sum - offset, Float), load(scale) * input_scale,
                        Float{});
}

inline Float value_of(const Call&, int, int, Float sum) { return sum; }

inline Float value_of(const Call& call, int voice, int row, Int sum) {
    return worth(sum, call.weight.row_sum + row, call.weight.scale + row, call.input_scale[voice]);
}

inline Float last_value_of(const Call&, int, int, std::size_t, Float sum) { return sum; }

inline Float last_value_of(const Call& call, int voice, int row, std::size_t count, Int sum) {
    std::int32_t row_sum[lanes] = {};
    float scale[lanes] = {};
    __builtin_memcpy(row_sum, call.weight.row_sum + row, count * 4);
    __builtin_memcpy(scale, call.weight.scale + row, count * 4);
    return worth(sum, row_sum, scale, call.input_scale[voice]);
}

// The last rows of a matrix, where its memory and that of y end inside a register.
template <class Sum>
[[gnu::noinline]] void finish_last(const Call& call, int voice, int row, Sum sum) {
    if (row >= call.weight.n) return;
    const auto left = (std::size_t)(call.weight.n - row);
    const std::size_t count = left < lanes ? left : lanes;
    float add0[lanes] = {}, add1[lanes] = {}, y[lanes];
    if (call.add0) __builtin_memcpy(add0, call.add0[voice] + row, count * 4);
    if (call.add1) __builtin_memcpy(add1, call.add1[voice] + row, count * 4);
    store(y, last_value_of(call, voice, row, count, sum) + load(add0) + load(add1));
    __builtin_memcpy(call.y[voice] + row, y, count * 4);
}

// The sums of a strip become values of y.
template <int registers, class Sum>
inline void finish(const Call& call, int voice, int row, const Sum (&sum)[registers]) {
    if (row + registers * lanes > call.weight.n) {
        for (int r = 0; r < registers; ++r) finish_last(call, voice, row + r * lanes, sum[r]);
        return;
    }
    const float* add0 = call.add0 ? call.add0[voice] + row : zeros;
    const float* add1 = call.add1 ? call.add1[voice] + row : zeros;
    for (int r = 0; r < registers; ++r) {
        const int at = r * lanes;
        const Float value = value_of(call, voice, row + at, sum[r]);
        store(call.y[voice] + row + at, value + load(add0 + at) + load(add1 + at));
    }
}

// Some registers of rows of a tile, for `voices` voices from number `voice` on.
template <class Format, int voices, int registers>
[[gnu::noinline]] void strip(const Call& call, int voice, int row, const std::byte* packed, int width) {
    const int steps = packed_steps(call.weight.precision, call.weight.k);
    typename Format::Sum sum[voices][registers] = {};
    for (int step = 0; step < steps; ++step) {
        if constexpr (voices == 1) {
            const typename Format::Input x =
                Format::input(call.input[voice] + step * Format::input_bytes);
            for (int r = 0; r < registers; ++r)
                sum[0][r] = Format::multiply(sum[0][r], Format::matrix(packed + r * lanes * 4), x);
        } else {
            typename Format::Matrix m[registers];
            for (int r = 0; r < registers; ++r) m[r] = Format::matrix(packed + r * lanes * 4);
            for (int v = 0; v < voices; ++v) {
                const typename Format::Input x =
                    Format::input(call.input[voice + v] + step * Format::input_bytes);
                for (int r = 0; r < registers; ++r)
                    sum[v][r] = Format::multiply(sum[v][r], m[r], x);
            }
        }
        packed += width * 4;
    }
    for (int v = 0; v < voices; ++v) finish(call, voice + v, row, sum[v]);
}

// The rows of a tile from `row` on, as many at once as `registers` hold.
template <class Format, int voices, int registers>
inline void strips(const Call& call, int voice, int row, int end, const std::byte* packed,
                   int width) {
    for (; row + registers * lanes <= end; row += registers * lanes) {
        strip<Format, voices, registers>(call, voice, row, packed, width);
        packed += registers * lanes * 4;
    }
    if constexpr (registers > 1)
        if (row < end) strips<Format, voices, registers / 2>(call, voice, row, end, packed, width);
}

// How many sums stay in registers beside what they are made of.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int most_sums = 24;
#else
constexpr int most_sums = 12;
#endif

// How many registers of rows a strip has.
constexpr int strip_registers(int voices) {
    int registers = tile_rows / lanes;
    while (registers > 1 && registers * voices > most_sums) registers /= 2;
    return registers;
}

template <class Format, int voices>
inline void group(const Call& call, int voice, int row, int end, const std::byte* packed) {
    strips<Format, voices, strip_registers(voices)>(call, voice, row, end, packed, end - row);
}

// Tile after tile, each for all voices before the next.
template <class Format>
inline void tiles(const Call& call, int n_voices) {
    const int rows = packed_rows(call.weight.n);
    const int steps = packed_steps(call.weight.precision, call.weight.k);
    const std::byte* packed = call.weight.packed;
    for (int row = 0; row < rows; row += tile_rows) {
        const int end = rows - row < tile_rows ? rows : row + tile_rows;
        for (int voice = 0; voice < n_voices; voice += 4) {
            switch (n_voices - voice) {
                case 1: group<Format, 1>(call, voice, row, end, packed); break;
                case 2: group<Format, 2>(call, voice, row, end, packed); break;
                case 3: group<Format, 3>(call, voice, row, end, packed); break;
                default: group<Format, 4>(call, voice, row, end, packed);
            }
        }
        packed += (std::size_t)(end - row) * (std::size_t)steps * 4;
    }
}

// y[v] = W x[v] + add0[v] + add1[v] for 1 to `max_block` voices; `add0` and `add1` may be null.
inline void product(const Weight& weight, int n_voices, const float* const* x, float* const* y,
                    const float* const* add0, const float* const* add1,
                    std::byte* const* scratch) {
    Call call{weight, {}, {}, y, add0, add1};
    switch (weight.precision) {
        case Precision::float32:
            for (int v = 0; v < n_voices; ++v)
                call.input[v] = reinterpret_cast<const std::byte*>(x[v]);
            return tiles<Float32>(call, n_voices);
        case Precision::bfloat16:
            for (int v = 0; v < n_voices; ++v) {
                to_bfloat16(x[v], weight.k, scratch[v]);
                call.input[v] = scratch[v];
            }
            return tiles<BFloat16>(call, n_voices);
        case Precision::int8:
            for (int v = 0; v < n_voices; ++v) {
                call.input_scale[v] = to_int8(x[v], weight.k, scratch[v]);
                call.input[v] = scratch[v];
            }
            return tiles<Int8>(call, n_voices);
    }
}

// out = act(y) for a y of `n`; `out` has n values, with `gate` n / 2, and may be `y`.
inline void activate(Act act, const float* y, int n, float* out) {
    const auto count = (std::size_t)n;
    switch (act) {
        case Act::none:
            if (out != y) __builtin_memcpy(out, y, count * sizeof(float));
            return;
        case Act::relu: return unary(Unary::relu, y, out, count);
        case Act::tanh: return unary(Unary::tanh, y, out, count);
        case Act::sigmoid: return unary(Unary::sigmoid, y, out, count);
        case Act::silu: return unary(Unary::silu, y, out, count);
        case Act::gelu: return unary(Unary::gelu, y, out, count);
        case Act::gelu_tanh: return unary(Unary::gelu_tanh, y, out, count);
        case Act::gate:
            return map2(y, y + n / 2, out, count / 2, [](Float a, Float b) { return gate(a, b); });
    }
}

}  // namespace wg::WG_ISA

// Products of packed matrices with the inputs of one voice or of several.
//
// A matrix is packed in tiles of 64 rows (the last one of 16 to 48; zeros fill it up). Inside a
// tile the columns follow each other, as many at once as fill 32 bits: one float32, a pair of
// bfloat16, or a quad of int8. A row's sum stays in one register over all columns, so its additions
// have the same order for any number of voices: a voice's results are the same bits alone and in
// company.
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
                    __builtin_memcpy(
                        &word,
                        static_cast<const std::byte*>(rows) + (std::size_t)row * row_bytes + first,
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

// How a register of packed weights meets a voice's input, in one part or in several: `matrix` and
// `input` give a part of both, `multiply` adds their product. Inputs are words, `parts` a step.
struct Float32 {
    using Sum = Float;
    static constexpr int parts = 1;

    static Float matrix(const std::byte* packed, int) { return bits_as<Float>(load_words(packed)); }
    static Float input(const std::byte* word) { return broadcast(word); }
    static Float multiply(Float sum, Float m, Float x) { return multiply_add(m, x, sum); }
};

#if defined(__AVX512BF16__)
struct BFloat16 {
    using Sum = Float;
    static constexpr int parts = 1;

    static Int matrix(const std::byte* packed, int) { return load_words(packed); }
    static Int input(const std::byte* word) { return broadcast_word(word); }
    static Float multiply(Float sum, Int m, Int x) {
        return (Float)_mm512_dpbf16_ps((__m512)sum, bits_as<__m512bh>(m), bits_as<__m512bh>(x));
    }

    // Rounds to the nearest bfloat16, to the even one of two.
    static void prepare(const float* x, int k, std::byte* words) {
        for (int i = 0; i < k; i += lanes) {
            const Float part = k - i < lanes ? load_part(x + i, (std::size_t)(k - i)) : load(x + i);
            const __m256bh halves = _mm512_cvtneps_pbh((__m512)part);
            __builtin_memcpy(words + 2 * i, &halves, sizeof halves);
        }
    }
};
#else
// Widened, first of each pair and then second, and multiplied in float32.
struct BFloat16 {
    using Sum = Float;
    static constexpr int parts = 2;

    static Float matrix(const std::byte* packed, int part) {
        const Word pairs = bits_as<Word>(load_words(packed));
        return bits_as<Float>(part == 0 ? pairs << 16 : pairs & 0xffff0000u);
    }
    static Float input(const std::byte* word) { return broadcast(word); }
    static Float multiply(Float sum, Float m, Float x) { return multiply_add(m, x, sum); }

    // The input stays as it is; a zero fills up the last pair.
    static void prepare(const float* x, int k, std::byte* words) {
        __builtin_memcpy(words, x, (std::size_t)k * 4);
        __builtin_memset(words + (std::size_t)k * 4, 0, 4);
    }
};
#endif

#if defined(__AVX512VNNI__)
// The instruction wants one side unsigned, which the input is.
struct Int8 {
    using Sum = Int;
    static constexpr int parts = 1;

    static Int matrix(const std::byte* packed, int) { return load_words(packed); }
    static Int input(const std::byte* word) { return broadcast_word(word); }
    static Int multiply(Int sum, Int m, Int x) {
        return (Int)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)m);
    }

    // `lanes` integers of the input, from number `at` on, into its words.
    static void put(Int integers, int at, std::byte* words) {
        const __m128i bytes = _mm512_maskz_cvtepi32_epi8(0xffff, (__m512i)integers);
        __builtin_memcpy(words + at, &bytes, sizeof bytes);
    }
};
#elif defined(__SSE2__)
// Widened to int16, of which the processor multiplies and adds pairs: columns 0 and 2 of a quad,
// then columns 1 and 3.
struct Int8 {
    using Sum = Int;
    typedef std::int16_t Short __attribute__((vector_size(lanes * 4)));
    static constexpr int parts = 2;

    static Short matrix(const std::byte* packed, int part) {
        const Int quads = load_words(packed);
        const Int shifted = bits_as<Int>(bits_as<Word>(quads) << 8);
        return bits_as<Short>(part == 0 ? shifted : quads) >> 8;
    }
    static Short input(const std::byte* word) { return bits_as<Short>(broadcast_word(word)); }
    static Int multiply(Int sum, Short m, Short x) {
#if defined(__AVX512BW__)
        return sum + (Int)_mm512_madd_epi16((__m512i)m, (__m512i)x);
#elif defined(__AVX2__)
        return sum + (Int)_mm256_madd_epi16((__m256i)m, (__m256i)x);
#else
        return sum + (Int)_mm_madd_epi16((__m128i)m, (__m128i)x);
#endif
    }

    static void put(Int integers, int at, std::byte* words) {
#if defined(__AVX512F__)
        __m256i shorts = _mm512_maskz_cvtepi32_epi16(0xffff, (__m512i)integers);
        shorts = _mm256_shufflelo_epi16(shorts, 0xd8);
        shorts = _mm256_shufflehi_epi16(shorts, 0xd8);
        __builtin_memcpy(words + 2 * at, &shorts, 32);
#else
        for (int four = 0; four < lanes; four += 4) {
            __m128i shorts;
            __builtin_memcpy(&shorts, reinterpret_cast<const char*>(&integers) + 4 * four, 16);
            shorts = _mm_shufflelo_epi16(_mm_packs_epi32(shorts, shorts), 0xd8);
            __builtin_memcpy(words + 2 * (at + four), &shorts, 8);
        }
#endif
    }
};
#else
// Widened, column after column.
struct Int8 {
    using Sum = Int;
    static constexpr int parts = 4;

    static Int matrix(const std::byte* packed, int part) {
        return bits_as<Int>(bits_as<Word>(load_words(packed)) << (24 - 8 * part)) >> 24;
    }
    static Int input(const std::byte* word) { return broadcast_word(word); }
    static Int multiply(Int sum, Int m, Int x) { return sum + m * x; }
    static void put(Int integers, int at, std::byte* words) {
        __builtin_memcpy(words + 4 * at, &integers, sizeof integers);
    }
};
#endif

// What the integers of an input mean: middle + step (integer - 128). Not finite if an input is not.
struct Steps {
    float step, middle;
};

// The input as integers 0 to 255, spread from its lowest value to its highest, or 0.
inline Steps to_int8(const float* x, int k, std::byte* words) {
    Float low = Float{}, high = Float{};
    Int most = Int{};  // bits of magnitudes have their order, and no number stands above infinity
    int i = 0;
    for (; i < k; i += lanes) {
        const Float part = k - i < lanes ? load_part(x + i, (std::size_t)(k - i)) : load(x + i);
        const Int magnitude = bits_as<Int>(absolute(part));
        low = part < low ? part : low;
        high = part > high ? part : high;
        most = magnitude > most ? magnitude : most;
    }
    const auto least = folded(low, [](auto a, auto b) { return a < b ? a : b; });
    const auto greatest = folded(high, [](auto a, auto b) { return a > b ? a : b; });
    const auto largest = folded(most, [](auto a, auto b) { return a > b ? a : b; });
    float from = least[0], to = greatest[0];
    std::int32_t bits = largest[0];
    for (int lane = 1; lane < 4; ++lane) {
        from = least[lane] < from ? least[lane] : from;
        to = greatest[lane] > to ? greatest[lane] : to;
        bits = largest[lane] > bits ? largest[lane] : bits;
    }
    const float range = to - from;
    // Below this the quotient would overflow.
    const float per_unit = range > 1e-36f ? 255.0f / range : 0.0f;
    const Float inverse = splat(per_unit), zero = splat(-from * per_unit);
    const Float shifter = splat(0x1.8p23f);  // leaves the nearest integer in the low bits
    for (i = 0; i < k; i += lanes) {
        const Float part = k - i < lanes ? load_part(x + i, (std::size_t)(k - i)) : load(x + i);
        const Int rounded = bits_as<Int>(multiply_add(part, inverse, zero) + shifter);
        Int8::put(rounded - bits_as<Int>(shifter), i, words);
    }
    const float step = bits >= 0x7f800000 ? bits_as<float>(bits) : range / 255.0f;
    return {step, from + 128.0f * step};
}

// One call of `product`, its inputs ready.
struct Call {
    const Weight& weight;
    const std::byte* input[max_block];
    Steps steps[max_block];  // what the integers of the inputs mean
    float* const* y;
    const float* const* add0;
    const float* const* add1;
};

// What is added to a strip where nothing is to be added.
constexpr float zeros[tile_rows] = {};

// What integer sums are worth: of integers less 128, exactly, and then of the middle. Rounded here,
// lest one copy of this function fuse the product with the addition that follows.
inline Float worth(Int sum, const std::int32_t* row_sum, const float* scale, const Steps& steps) {
    const Int whole = load_words(row_sum);
    const Float spread = __builtin_convertvector(sum - whole * 128, Float) * steps.step;
    const Float value =
        multiply_add(__builtin_convertvector(whole, Float), splat(steps.middle), spread);
    return multiply_add(value, load(scale), Float{});
}

inline Float value_of(const Call&, int, int, Float sum) { return sum; }

inline Float value_of(const Call& call, int voice, int row, Int sum) {
    return worth(sum, call.weight.row_sum + row, call.weight.scale + row, call.steps[voice]);
}

inline Float last_value_of(const Call&, int, int, std::size_t, Float sum) { return sum; }

inline Float last_value_of(const Call& call, int voice, int row, std::size_t count, Int sum) {
    std::int32_t row_sum[lanes] = {};
    float scale[lanes] = {};
    __builtin_memcpy(row_sum, call.weight.row_sum + row, count * 4);
    __builtin_memcpy(scale, call.weight.scale + row, count * 4);
    return worth(sum, row_sum, scale, call.steps[voice]);
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

// How far ahead of its use a packed matrix is asked for. Matrices lie in the order of their use, so
// this reaches into the next one. Measured: 2 to 8 KiB are as good, without it a step takes 1.15
// times as long.
constexpr int ahead = 4096;

// Some registers of rows of a tile, for `voices` voices from number `voice` on.
template <class Format, int voices, int registers>
[[gnu::noinline]] void strip(const Call& call, int voice, int row, const std::byte* packed,
                             int width) {
    const int steps = packed_steps(call.weight.precision, call.weight.k);
    typename Format::Sum sum[voices][registers] = {};
    const std::byte* input[voices];
    for (int v = 0; v < voices; ++v) input[v] = call.input[voice + v];
    for (int step = 0; step < steps; ++step) {
        for (int at = 0; at < registers * lanes * 4; at += 64)
            __builtin_prefetch(packed + at + ahead);
        for (int part = 0; part < Format::parts; ++part) {
            const std::size_t word = (std::size_t)(step * Format::parts + part) * 4;
            if constexpr (voices == 1) {
                const auto x = Format::input(input[0] + word);
                for (int r = 0; r < registers; ++r)
                    sum[0][r] = Format::multiply(sum[0][r],
                                                 Format::matrix(packed + r * lanes * 4, part), x);
            } else {
                decltype(Format::matrix(packed, part)) m[registers];
                for (int r = 0; r < registers; ++r)
                    m[r] = Format::matrix(packed + r * lanes * 4, part);
                for (int v = 0; v < voices; ++v) {
                    const auto x = Format::input(input[v] + word);
                    for (int r = 0; r < registers; ++r)
                        sum[v][r] = Format::multiply(sum[v][r], m[r], x);
                }
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
        if (row < end)
            strips<Format, voices, (registers + 1) / 2>(call, voice, row, end, packed, width);
}

// How many registers of rows a strip has, so that its sums stay in registers beside what they are
// made of. Weights that come in parts need some more.
template <class Format>
constexpr int strip_registers(int voices) {
#if defined(__AVX512F__) || defined(__aarch64__)
    const int sums = Format::parts == 1 ? 24 : 16;
#else
    const int sums = Format::parts == 1 ? 12 : 8;
#endif
    return sums / voices < tile_rows / lanes ? sums / voices : tile_rows / lanes;
}

template <class Format, int voices>
inline void group(const Call& call, int voice, int row, int end, const std::byte* packed) {
    strips<Format, voices, strip_registers<Format>(voices)>(call, voice, row, end, packed,
                                                            end - row);
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
                    const float* const* add0, const float* const* add1, std::byte* const* scratch) {
    Call call{weight, {}, {}, y, add0, add1};
    switch (weight.precision) {
        case Precision::float32:
            for (int v = 0; v < n_voices; ++v)
                call.input[v] = reinterpret_cast<const std::byte*>(x[v]);
            return tiles<Float32>(call, n_voices);
        case Precision::bfloat16:
            for (int v = 0; v < n_voices; ++v) {
                BFloat16::prepare(x[v], weight.k, scratch[v]);
                call.input[v] = scratch[v];
            }
            return tiles<BFloat16>(call, n_voices);
        case Precision::int8:
            for (int v = 0; v < n_voices; ++v) {
                call.steps[v] = to_int8(x[v], weight.k, scratch[v]);
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

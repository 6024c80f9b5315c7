// The draw of a class under the sampling controls, as wavegen/controls.py defines it.
#pragma once

#include <math.h>

#include <cfloat>
#include <cstddef>
#include <cstdint>

#include "simd.hpp"
#include "vmath.hpp"
#include "wavegen.h"

namespace wg::WG_ISA {

inline float largest(const float* x, int n) {
    float best = x[0];
    int i = 0;
    if (n >= lanes) {
        Float bests = load(x);
        for (i = lanes; i + lanes <= n; i += lanes) {
            const Float next = load(x + i);
            bests = next > bests ? next : bests;
        }
        for (int lane = 0; lane < lanes; ++lane) best = bests[lane] > best ? bests[lane] : best;
    }
    for (; i < n; ++i) best = x[i] > best ? x[i] : best;
    return best;
}

// The first of the largest.
inline int best_class(const float* logits, int n) {
    const float best = largest(logits, n);
    int i = 0;
    while (i < n - 1 && logits[i] != best) ++i;
    return i;
}

// exp((logits - best) / temperature): the weights of the classes, the best has 1.
inline void weigh(const float* logits, int n, float temperature, float* out) {
    // Relative to the best, no temperature is so small that a quotient overflows to inf - inf.
    const Float best = splat(largest(logits, n)), warm = splat(temperature);
    map(logits, out, (std::size_t)n, [=](Float v) { return exp((v - best) / warm); });
}

inline float sum(const float* x, int n) {
    Float sums = splat(0.0f);
    int i = 0;
    for (; i + lanes <= n; i += lanes) sums += load(x + i);
    if (i < n) sums += load_part(x + i, (std::size_t)(n - i));
    return total(sums);
}

// softmax(logits / temperature); 0 leaves the best class.
inline void temper(const float* logits, int n, float temperature, float* out) {
    if (temperature == 0) {
        const int best = best_class(logits, n);
        for (int i = 0; i < n; ++i) out[i] = i == best ? 1.0f : 0.0f;
        return;
    }
    weigh(logits, n, temperature, out);
    const Float whole = splat(sum(out, n));
    map(out, out, (std::size_t)n, [=](Float v) { return v / whole; });
}

// The first class whose running sum exceeds `u` times the total. A class of weight 0 is never
// drawn; where no class has any weight, or one is no number, it is class 0.
inline int draw_class(const float* weights, int n, float u) {
    constexpr int block = 16;
    float whole = 0;
    for (int first = 0; first < n; first += block)
        whole += sum(weights + first, n - first < block ? n - first : block);
    float target = u * whole;
    const float below = ::nextafterf(whole, 0.0f);
    target = target < below ? target : below;

    float before = 0;
    for (int first = 0; first < n; first += block) {
        const int count = n - first < block ? n - first : block;
        const float after = before + sum(weights + first, count);
        if (after > target) {
            // Summed one by one, rounding may leave the block short of the target: then its last
            // class with weight is the one.
            int drawn = first;
            for (int i = first; i < first + count; ++i) {
                before += weights[i];
                if (weights[i] > 0) drawn = i;
                if (before > target) break;
            }
            return drawn;
        }
        before = after;
    }
    return 0;
}

// A class in the order of some value that is 0 or more.
struct Ranked {
    std::uint32_t key;
    std::uint32_t index;
};

// Stable sort by key, lowest first; the sorted entries lie in `entries`, `spare` is overwritten.
inline void sort_by_key(Ranked* entries, Ranked* spare, int n) {
    std::uint32_t starts[4][256] = {};
    for (int i = 0; i < n; ++i)
        for (int digit = 0; digit < 4; ++digit)
            ++starts[digit][entries[i].key >> (8 * digit) & 255];
    for (auto& start : starts) {
        std::uint32_t before = 0;
        for (std::uint32_t& count : start) {
            const std::uint32_t here = count;
            count = before;
            before += here;
        }
    }
    for (int digit = 0; digit < 4; ++digit) {
        for (int i = 0; i < n; ++i)
            spare[starts[digit][entries[i].key >> (8 * digit) & 255]++] = entries[i];
        Ranked* sorted = spare;
        spare = entries;
        entries = sorted;
    }
}

// How many of the first `n` entries stay, so that those before the last hold less than `mass`: the
// first always does.
inline int held(const float* share, int n, float mass) {
    double running = share[0];
    int kept = 1;
    while (kept < n) {
        running += share[kept];
        if (!((float)running - share[kept] < mass)) break;
        ++kept;
    }
    return kept;
}

inline void normalise(const float* weights, int n, float* share) {
    const Float whole = splat(sum(weights, n));
    map(weights, share, (std::size_t)n, [=](Float v) { return v / whole; });
}

// What `sample` needs for n classes.
inline std::size_t sample_scratch_bytes(int n) {
    return (std::size_t)n * (2 * sizeof(Ranked) + 4 * sizeof(float));
}

// The arrays in that scratch, each of n.
struct Drawing {
    Ranked* order;
    Ranked* spare;
    float* weights;
    float* ranked;
    float* share;
    std::uint32_t* classes;

    Drawing(std::byte* scratch, int n)
        : order(reinterpret_cast<Ranked*>(scratch)),
          spare(order + n),
          weights(reinterpret_cast<float*>(spare + n)),
          ranked(weights + n),
          share(ranked + n),
          classes(reinterpret_cast<std::uint32_t*>(share + n)) {}
};

// Set the weights of the classes that the controls drop to 0.
inline void truncate(const Drawing& d, int n, const wg_controls& controls) {
    for (int i = 0; i < n; ++i)
        d.order[i] = {~bits_as<std::uint32_t>(d.weights[i]), (std::uint32_t)i};
    sort_by_key(d.order, d.spare, n);
    for (int i = 0; i < n; ++i) {
        d.classes[i] = d.order[i].index;
        d.ranked[i] = d.weights[d.classes[i]];
    }

    // Ranked by weight, what the first three controls keep is always a beginning.
    int kept = n;
    if (controls.top_k > 0 && controls.top_k < n) kept = (int)controls.top_k;
    if (controls.top_p < 1) {
        normalise(d.ranked, kept, d.share);
        kept = held(d.share, kept, controls.top_p);
    }
    // Renormalising changes no ratio, so min_p compares with the best class directly.
    while (kept > 1 && !(d.ranked[kept - 1] >= controls.min_p * d.ranked[0])) --kept;
    for (int i = kept; i < n; ++i) d.weights[d.classes[i]] = 0;
    if (controls.typical_p >= 1) return;

    normalise(d.ranked, kept, d.share);
    float* surprise = d.ranked;
    double entropy = 0;
    for (int i = 0; i < kept; ++i) {
        surprise[i] = -::logf(d.share[i] > FLT_MIN ? d.share[i] : FLT_MIN);
        entropy += d.share[i] * surprise[i];
    }
    for (int i = 0; i < kept; ++i) {
        const float distance = ::fabsf(surprise[i] - (float)entropy);
        d.order[i] = {bits_as<std::uint32_t>(distance), (std::uint32_t)i};
    }
    sort_by_key(d.order, d.spare, kept);
    float* near = d.ranked;
    for (int i = 0; i < kept; ++i) near[i] = d.share[d.order[i].index];
    for (int i = held(near, kept, controls.typical_p); i < kept; ++i)
        d.weights[d.classes[d.order[i].index]] = 0;
}

// A class drawn from softmax(logits / temperature) under the controls; `scratch` is aligned to 4.
inline int sample(const float* logits, int n, const wg_controls& controls, float u,
                  std::byte* scratch) {
    // Every control keeps the best class, and greedy leaves no other.
    if (controls.temperature == 0) return best_class(logits, n);
    const Drawing drawing(scratch, n);
    weigh(logits, n, controls.temperature, drawing.weights);
    if (controls.top_k > 0 || controls.top_p < 1 || controls.min_p > 0 || controls.typical_p < 1)
        truncate(drawing, n, controls);
    return draw_class(drawing.weights, n, u);
}

}  // namespace wg::WG_ISA

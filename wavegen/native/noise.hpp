// Counter-based uniforms: Philox4x32-10, the same bits as wavegen/noise.py.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wg::WG_ISA {

// Four words of the block `block` of the step `step` (Salmon et al. 2011).
inline void philox(std::uint64_t seed, std::uint64_t step, std::uint32_t block,
                   std::uint32_t (&words)[4]) {
    std::uint32_t c0 = (std::uint32_t)step, c1 = (std::uint32_t)(step >> 32), c2 = block, c3 = 0;
    std::uint32_t k0 = (std::uint32_t)seed, k1 = (std::uint32_t)(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t left = std::uint64_t{c0} * 0xD2511F53u;
        const std::uint64_t right = std::uint64_t{c2} * 0xCD9E8D57u;
        c0 = (std::uint32_t)(right >> 32) ^ c1 ^ k0;
        c1 = (std::uint32_t)right;
        c2 = (std::uint32_t)(left >> 32) ^ c3 ^ k1;
        c3 = (std::uint32_t)left;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

// The first `n` uniforms of a step, each strictly between 0 and 1.
inline void uniforms(std::uint64_t seed, std::uint64_t step, std::size_t n, float* out) {
    std::uint32_t words[4];
    for (std::size_t i = 0; i < n; ++i) {
        if (i % 4 == 0) philox(seed, step, (std::uint32_t)(i / 4), words);
        out[i] = ((float)(words[i % 4] >> 9) + 0.5f) * 0x1p-23f;
    }
}

}  // namespace wg::WG_ISA

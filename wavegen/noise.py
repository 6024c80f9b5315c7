"""Counter-based uniforms: the noise of a voice is a function of its seed and of the step alone.

Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). The key is the
64-bit seed, the counter is (step, block), so step 1,000,000 costs as much as step 0, nothing has
to be stored to resume, and any language can make the same numbers.

Dimensions: B voices, T steps, U uniforms a step.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

_MULTIPLIER = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ROUNDS = 10

Words = npt.NDArray[np.uint64]


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[Words, Words]) -> Words:
    """Ten rounds on 32-bit words held in uint64 arrays; returns `(4, ...)` words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        left, right = c0 * _MULTIPLIER[0], c2 * _MULTIPLIER[1]
        c0, c1, c2, c3 = (
            (right >> _HALF) ^ c1 ^ k0,
            right & _LOW,
            (left >> _HALF) ^ c3 ^ k1,
            left & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return np.stack(np.broadcast_arrays(c0, c1, c2, c3))


def uniforms(
    seeds: Iterable[int], first_steps: Iterable[int], n_steps: int, per_step: int
) -> npt.NDArray[np.float32]:
    """Float32 uniforms `(B, T, U)`, each strictly between 0 and 1.

    `seeds` `(B,)` are taken modulo 2^64; row b starts at step `first_steps[b]`. A word w becomes
    ((w >> 9) + 0.5) / 2^23, which float32 holds exactly: 0 and 1 never occur, so neither does
    an infinite quantile.
    """
    seed = np.array([int(s) % 2**64 for s in seeds], dtype=np.uint64)[:, None, None]
    first = np.array([int(s) for s in first_steps], dtype=np.uint64)[:, None, None]
    step = first + np.arange(n_steps, dtype=np.uint64)[None, :, None]
    n_blocks = -(-per_step // 4)
    block = np.arange(n_blocks, dtype=np.uint64)[None, None, :]
    zero = np.zeros_like(block)
    words = philox((step & _LOW, step >> _HALF, block, zero), (seed & _LOW, seed >> _HALF))
    flat = np.moveaxis(words, 0, -1).reshape(len(seed), n_steps, 4 * n_blocks)[..., :per_step]
    return ((flat >> np.uint64(9)).astype(np.float32) + np.float32(0.5)) * np.float32(2**-23)

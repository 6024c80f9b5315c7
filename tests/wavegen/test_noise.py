"""Philox: published answers, and what the promises of streams rest on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wavegen.noise import philox, uniforms

# Known answers of Philox4x32-10 in Random123 (Salmon et al. 2011): counter, key, words.
KNOWN = {
    "zeros": ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    "ones": ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    "digits of pi": (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
}

seeds = st.integers(-(2**63), 2**64 - 1)
steps = st.integers(0, 2**63 - 1_000)


def words(text: str) -> list[np.ndarray]:
    return [np.array([int(word, 16)], dtype=np.uint64) for word in text.split()]


@pytest.mark.parametrize("name", KNOWN)
def test_known_answers(name: str) -> None:
    counter, key, expected = KNOWN[name]
    c0, c1, c2, c3 = words(counter)
    k0, k1 = words(key)
    found = philox((c0, c1, c2, c3), (k0, k1))
    assert [int(word) for word in found[:, 0]] == [int(word) for word in np.ravel(words(expected))]


def test_counter_is_step_then_block_and_key_is_seed() -> None:
    """What C++ and CUDA must reproduce: counter (step low, step high, block, 0), key the seed."""
    seed, step = 0x299F31D0A4093822, 0x85A308D3243F6A88
    found = uniforms([seed], [step], 1, 8)[0, 0]
    k0, k1 = words("a4093822 299f31d0")
    for block in (0, 1):
        c0, c1, c2, c3 = words(f"243f6a88 85a308d3 {block:x} 0")
        raw = philox((c0, c1, c2, c3), (k0, k1))[:, 0]
        expected = [((int(word) >> 9) + 0.5) / 2**23 for word in raw]
        assert found[4 * block : 4 * block + 4].tolist() == expected


@given(seed=seeds, first=steps, lengths=st.lists(st.integers(0, 9), max_size=6))
def test_any_chunking_gives_the_same_numbers(seed: int, first: int, lengths: list[int]) -> None:
    whole = uniforms([seed], [first], sum(lengths), 3)
    at, parts = first, [np.empty((1, 0, 3), np.float32)]
    for length in lengths:
        parts.append(uniforms([seed], [at], length, 3))
        at += length
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@given(seed=seeds, first=steps, narrow=st.integers(1, 6), wide=st.integers(6, 11))
def test_more_uniforms_a_step_leave_the_first_ones_alone(
    seed: int, first: int, narrow: int, wide: int
) -> None:
    few, many = uniforms([seed], [first], 4, narrow), uniforms([seed], [first], 4, wide)
    np.testing.assert_array_equal(many[..., :narrow], few)


@given(st.lists(st.tuples(seeds, steps), min_size=1, max_size=5))
@example([(2**63 + 1, 0), (5, 2**53 + 1)])  # numpy would make float64 of such a pair
def test_rows_are_strangers(voices: list[tuple[int, int]]) -> None:
    together = uniforms([s for s, _ in voices], [t for _, t in voices], 5, 2)
    alone = [uniforms([s], [t], 5, 2) for s, t in voices]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_seeds_are_taken_modulo_two_to_the_64() -> None:
    np.testing.assert_array_equal(uniforms([-1], [0], 2, 2), uniforms([2**64 - 1], [0], 2, 2))
    assert (uniforms([0], [0], 8, 4) != uniforms([2**32], [0], 8, 4)).all()


def test_steps_beyond_32_bits_are_new() -> None:
    assert (uniforms([0], [0], 8, 4) != uniforms([0], [2**32], 8, 4)).all()


def test_strictly_between_0_and_1_and_exact_in_float32() -> None:
    numbers = uniforms(range(100), [0] * 100, 500, 4)
    assert numbers.dtype == np.float32
    scaled = numbers.astype(np.float64) * 2**24
    np.testing.assert_array_equal(scaled % 2, 1)  # an odd multiple of 2^-24: neither 0 nor 1
    assert scaled.min() >= 1
    assert scaled.max() <= 2**24 - 1


def test_uniform_and_uncorrelated() -> None:
    """200,000 numbers: chi-square over 100 bins, and correlation of neighbours in every sense."""
    numbers = uniforms(range(100), [0] * 100, 500, 4).astype(np.float64)
    counts = np.histogram(numbers, bins=100, range=(0, 1))[0]
    chi_square = float(((counts - 2_000) ** 2 / 2_000).sum())
    assert 50 < chi_square < 160  # 99 degrees of freedom: mean 99, deviation 14
    for axis in range(3):
        ahead = np.take(numbers, range(1, numbers.shape[axis]), axis)
        behind = np.take(numbers, range(numbers.shape[axis] - 1), axis)
        assert abs(np.corrcoef(ahead.ravel(), behind.ravel())[0, 1]) < 0.01

"""Features of the past: ages of notes and where the beat falls."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from wavegen_chorales.codec import Codec
from wavegen_chorales.grid import ChoraleGrid
from wavegen_chorales.model_past import Past

AGES, PERIODS = 32, (4, 12, 16)


def features(x: Tensor, n_classes: int) -> tuple[Tensor, list[Tensor]]:
    """Ages `(T, 4)` and onsets of each period `(T, period)` after each event of `(T, 4)`."""
    past = Past(4, n_classes)
    out, _ = past(x[None], past.init_state(1, x.device))
    ages = out[0, :, : 4 * AGES].unflatten(-1, (4, AGES))
    assert bool((ages.sum(-1) == 1).all())
    return ages.argmax(-1), list(out[0, :, 4 * AGES :].split(PERIODS, -1))


@settings(max_examples=20)
@given(st.integers(0, 2**20), st.booleans())
def test_ages_count_from_the_attack(seed: int, holds: bool) -> None:
    rng = torch.Generator().manual_seed(seed)
    pitch = torch.randint(60, 62, (50, 4), generator=rng)
    rests = torch.rand(50, 4, generator=rng) < 0.1
    attack = torch.rand(50, 4, generator=rng) < 0.1
    grid = ChoraleGrid.of(pitch.where(~rests, -1), attack.numpy())
    codec = Codec(holds)
    events = codec.encode(grid)
    ages, _ = features(torch.from_numpy(events), codec.n_classes)
    sounding, struck = codec.decode(events)
    for value, voice in enumerate((0, 3, 1, 2)):
        age = AGES - 1  # the silence before the beginning
        for t in range(50):
            begins = bool(struck[t, voice]) or (
                sounding[t, voice] == -1 and t > 0 and sounding[t - 1, voice] != -1
            )
            age = 0 if begins else min(age + 1, AGES - 1)
            assert int(ages[t, value]) == age


def test_the_beat_is_where_notes_begin() -> None:
    """Notes at every fourth step from the third on: after each step the next beat is foretold."""
    x = torch.ones(200, 4, dtype=torch.int64)
    for t in range(3, 200):
        x[t] = (t + 1) // 4 % 2 + 1
    _, onsets = features(x, 47)
    for ring, period in zip(onsets, PERIODS, strict=True):
        for t in range(100, 199):
            for place in range(period):
                is_beat = (t + 1 + place) % 4 == 3
                assert (float(ring[t, place]) > 0.5) == is_beat


def test_old_beats_fade() -> None:
    x = torch.ones(100, 4, dtype=torch.int64)
    x[:10] = torch.arange(10)[:, None]
    _, onsets = features(x, 47)
    assert float(onsets[0][12].max()) > 0.3
    assert float(onsets[0][-1].max()) < 0.02

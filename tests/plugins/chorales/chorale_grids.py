"""Random grids of every kind that a grid can be, for property tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from wavegen_chorales.grid import ChoraleGrid, Key

keys = st.none() | st.builds(Key, st.integers(-7, 7), st.sampled_from(["major", "minor"]))


@st.composite
def grids(draw: st.DrawFn, low: int = 0, high: int = 127) -> ChoraleGrid:
    """Unisons, crossings, rests, repeated and held notes, pickups, irregular bars, or none known.

    A first bar that is not full ends a pickup, as in music; metres change at any later bar.
    """
    steps = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    few = rng.integers(low, high + 1, 3)  # so that voices meet and repeat
    pitch = np.where(
        rng.random((steps, 4)) < draw(st.floats(0, 1)), -1, rng.choice(few, (steps, 4))
    )
    for step in range(1, steps):
        pitch[step] = np.where(rng.random(4) < 0.5, pitch[step - 1], pitch[step])
    grid = replace(
        ChoraleGrid.of(pitch, rng.random((steps, 4)) < 0.3),
        fermata=rng.random(steps) < draw(st.floats(0, 0.5)),
        key=draw(keys),
        bpm=draw(st.integers(400, 60_000)) / 100,
    )
    if draw(st.booleans()):
        return grid
    usual = draw(st.integers(2, 24))
    bars = [np.arange(draw(st.integers(0, usual - 1)), usual)]
    while sum(map(len, bars)) < steps:
        bars.append(np.arange(usual))
    odd = draw(st.integers(0, len(bars)))
    if 2 <= odd < len(bars):
        bars[odd] = np.arange(draw(st.integers(1, usual)))
        bars += [np.arange(usual)] * steps
    return replace(grid, pos=np.concatenate(bars)[:steps].astype(np.int16), bar_steps=usual)

"""Any grid at all, for property tests: unisons, crossings, rests, repeated notes, pickups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from wavegen_chorales.grid import ChoraleGrid, Key


@st.composite
def grids(draw: st.DrawFn, min_steps: int = 1, max_steps: int = 80) -> ChoraleGrid:
    """A grid between C2 and A5 that is not silent; fermatas lie over whole soprano notes."""
    steps = draw(st.integers(min_steps, max_steps))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pitch = rng.integers(36, 82, (steps, 4))
    if draw(st.booleans()):
        pitch = np.array([72, 65, 60, 48]) + rng.integers(-6, 7, (steps, 4))
    stays = rng.random((steps, 4)) < draw(st.sampled_from([0.0, 0.5, 0.9]))
    pitch[rng.random((steps, 4)) < draw(st.sampled_from([0.0, 0.2]))] = -1
    for step in range(1, steps):
        pitch[step] = np.where(stays[step], pitch[step - 1], pitch[step])
    pitch[0, 0] = 70
    bar_steps = draw(st.sampled_from([8, 12, 16, 24]))
    known = draw(st.booleans())
    pos = (np.arange(steps) + draw(st.integers(0, bar_steps - 1))) % bar_steps
    grid = replace(
        ChoraleGrid.of(pitch, rng.random((steps, 4)) < 0.1),
        pos=(pos if known else np.full(steps, -1)).astype(np.int16),
        bar_steps=bar_steps,
        key=draw(
            st.none() | st.builds(Key, st.integers(-7, 7), st.sampled_from(["major", "minor"]))
        ),
        bpm=float(draw(st.integers(30, 200))),
    )
    starts = np.flatnonzero(grid.attack[:, 0])
    note = np.searchsorted(starts, np.arange(steps), side="right") - 1
    held = (rng.random(len(starts)) < 0.2)[note] & (grid.pitch[:, 0] >= 0)
    return replace(grid, fermata=held)

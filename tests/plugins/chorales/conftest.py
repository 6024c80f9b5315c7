"""Small chorales that the tests of the domain share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from wavegen_chorales.grid import ChoraleGrid, Key

Make = Callable[[int, int], ChoraleGrid]


@pytest.fixture
def piece() -> Make:
    """Four voices that move, rest, repeat and hold: `(steps, seed)`; with pickup and fermatas."""

    def make(steps: int, seed: int = 0) -> ChoraleGrid:
        rng = np.random.default_rng(seed)
        pitch = np.array([69, 62, 57, 48]) + rng.integers(-7, 8, (steps, 4))
        pitch[rng.random((steps, 4)) < 0.1] = -1
        for step in range(1, steps):
            stays = rng.random(4) < 0.6
            pitch[step] = np.where(stays, pitch[step - 1], pitch[step])
        return replace(
            ChoraleGrid.of(pitch, rng.random((steps, 4)) < 0.2),
            fermata=np.arange(steps) % 32 >= 28,
            pos=((np.arange(steps) + 12) % 16).astype(np.int16),
            key=Key(-2, "minor"),
            bpm=80.0,
        )

    return make

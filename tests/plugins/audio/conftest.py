"""Small recordings that the tests of the audio domain share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

Sound = npt.NDArray[np.float32]


@pytest.fixture
def chirp() -> Callable[[int, int], Sound]:
    """A rising tone with a little noise: `(samples, seed)` to `(T,)`, peak 0.5."""

    def make(samples: int, seed: int = 0) -> Sound:
        t = np.arange(samples) / samples
        noise = np.random.default_rng(seed).normal(0, 0.02, samples)
        sound = 0.4 * np.sin(samples * (0.05 + 0.01 * seed) * t * (1 + t)) + noise
        return np.clip(sound, -0.5, 0.5).astype(np.float32)

    return make


@pytest.fixture
def folder(tmp_path: Path, chirp: Callable[[int, int], Sound]) -> Path:
    """Twelve WAV files of 0.1 to 0.3 seconds at 8 kHz, in a folder."""
    home = tmp_path / "sounds"
    home.mkdir()
    for number in range(12):
        soundfile.write(home / f"{number:02}.wav", chirp(800 + 150 * number, number), 8000)
    return home

"""How fast an engine plays 1, 2, 4, ... voices together, measured on this machine as it is.

Dimensions: V voices, T steps, C' condition channels of a step.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from .part import Part

_SECONDS = 0.01  # of one reading
_READINGS = 5
_MOST_STEPS = 1 << 14
_FULL_SPEED = 0.8  # of the most that any number of voices gets


class Speeds:
    """Steps a second by number of voices; between two numbers that were measured, a line."""

    def __init__(self, steps_per_s: Mapping[int, float]) -> None:
        self.measured = dict(sorted(steps_per_s.items()))
        """Steps a second of all voices together, by how many they are."""

    def together(self, n_voices: int) -> float:
        """Steps a second of all of them together."""
        return float(np.interp(n_voices, list(self.measured), list(self.measured.values())))

    def xrt(self, n_voices: int, rate_hz: float) -> float:
        """How many times as fast as it is heard each of them is drawn."""
        return self.together(n_voices) / n_voices / rate_hz

    @property
    def crowd(self) -> int:
        """The fewest voices that together are drawn about as fast as any number of them."""
        enough = _FULL_SPEED * max(self.measured.values())
        return next(n for n, together in self.measured.items() if together >= enough)

    def room(self, rate_hz: float, margin: float) -> int:
        """The most voices that can all be drawn `margin` times as fast as they are heard, or 1."""
        most = max(self.measured)
        return next((n for n in range(most, 1, -1) if self.xrt(n, rate_hz) >= margin), 1)


def measure(part: Part, most: int) -> Speeds:
    """Play 1, 2, 4, ... and `most` voices for some hundredths of a second each."""
    counts = {most, *(1 << i for i in range(most.bit_length()) if 1 << i < most)}
    return Speeds({n: _steps_per_s(part, n) for n in sorted(counts)})


def _steps_per_s(part: Part, n_voices: int) -> float:
    seats = [part.engine.seat(replace(part.voice, seed=i)) for i in range(n_voices)]
    n_steps = 1

    def seconds() -> float:
        cond = torch.zeros(n_voices, n_steps, part.n_cond) if part.n_cond else None
        begin = time.perf_counter()
        part.engine.play(seats, n_steps, cond)
        return time.perf_counter() - begin

    seconds()  # the first time something may have to be made
    while (taken := seconds()) < _SECONDS and n_steps < _MOST_STEPS:
        n_steps *= 2
    # The shortest: whatever else runs here for a moment can only make it longer.
    return n_voices * n_steps / min(taken, *(seconds() for _ in range(_READINGS - 1)))

"""Loudness of a recording: where its silence ends and what gain brings it to a common level.

Everything is computed over frames of 10 ms, in blocks, so that a long recording on disk never
lies in memory whole.

Dimensions: T time, F frames of 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from .codec import Samples

PEAK_DBFS = -1.0
LOUDNESS_DBFS = -23.0
_GATE_DB = 10.0  # parts this far below the mean are pauses (as the relative gate of BS.1770)
_MARGIN_FRAMES = 5  # kept on both sides of a trimmed recording: 50 ms of breath and decay
_CHUNK_FRAMES = 6_000  # a minute at a time


def frame_peaks_and_powers(
    samples: Samples, rate_hz: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Largest magnitude and mean square of each 10 ms `(F,)`; the last frame may be shorter."""
    frame = frame_samples(rate_hz)
    peaks, powers = [np.zeros(0)], [np.zeros(0)]
    for chunk in _chunks(samples, frame * _CHUNK_FRAMES):
        starts = np.arange(0, len(chunk), frame)
        sizes = np.diff(starts, append=len(chunk))
        magnitude = np.abs(chunk.astype(np.float64))
        peaks.append(np.maximum.reduceat(magnitude, starts))
        powers.append(np.add.reduceat(magnitude**2, starts) / sizes)
    return np.concatenate(peaks), np.concatenate(powers)


def frame_samples(rate_hz: int) -> int:
    """Samples in 10 ms."""
    return rate_hz // 100


def sounding_part(samples: Samples, rate_hz: int, trim_dbfs: float) -> slice:
    """Where the sound is: from the first to the last 10 ms louder than `trim_dbfs` (RMS)."""
    _, powers = frame_peaks_and_powers(samples, rate_hz)
    loud = np.flatnonzero(powers > 10 ** (trim_dbfs / 10))
    if not len(loud):
        return slice(0, 0)
    frame = frame_samples(rate_hz)
    first = max(int(loud[0]) - _MARGIN_FRAMES, 0) * frame
    last = min((int(loud[-1]) + 1 + _MARGIN_FRAMES) * frame, len(samples))
    return slice(first, last)


def gain(samples: Samples, rate_hz: int, target: Literal["none", "peak", "loudness"]) -> float:
    """The factor that brings a recording to the target level; 1 for pure silence.

    Loudness is the RMS of what is not a pause, unweighted; the gain never drives a peak beyond
    full scale.
    """
    if target == "none" or not len(samples):
        return 1.0
    peaks, powers = frame_peaks_and_powers(samples, rate_hz)
    peak = float(peaks.max())
    if peak == 0:
        return 1.0
    if target == "peak":
        return 10 ** (PEAK_DBFS / 20) / peak
    spoken = powers[powers >= powers.mean() / 10 ** (_GATE_DB / 10)]
    return min(10 ** (LOUDNESS_DBFS / 20) / float(spoken.mean()) ** 0.5, 1 / peak)


def _chunks(samples: Samples, size: int) -> Iterator[Samples]:
    """Consecutive pieces."""
    for start in range(0, len(samples), size):
        yield samples[start : start + size]

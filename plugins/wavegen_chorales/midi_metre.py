"""Time signatures of a MIDI file to the place of each step in its bar.

Dimensions: T steps.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .grid import MAX_BAR_STEPS, UNKNOWN
from .midi_song import Song


class Metre(NamedTuple):
    """Where each step is in its bar."""

    pos: npt.NDArray[np.int16]
    """`(T,)`."""
    bar_steps: int
    notes: tuple[str, ...] = ()


def metre_of(song: Song, steps: int) -> Metre:
    """The metre; unknown where the file names none. Bars begin anew at each signature.

    A first signature that lasts for one bar, shorter than those of the next, is a pickup.
    """
    unknown = Metre(np.full(steps, UNKNOWN, np.int16), 16)
    bars: dict[int, Fraction] = {}  # of two signatures at one step the later one stands
    for tick, numerator, denominator in song.metres:
        step = round(tick * 4 / song.ticks_per_quarter)
        bars[step] = Fraction(16 * numerator, denominator)
    if not bars:
        return unknown
    if any(bar.denominator > 1 or not 0 < bar <= MAX_BAR_STEPS for bar in bars.values()):
        return unknown._replace(notes=("a bar is no number of sixteenths; metre left out",))
    bars.setdefault(0, Fraction(16))  # the standard's, until one is named
    starts = sorted(bars)
    spans = [
        (start, max(start, end), int(bars[start]))
        for start, end in zip(starts, [*starts[1:], max(steps, starts[-1])], strict=True)
    ]
    pos = np.concatenate(
        [(np.arange(min(start, steps), min(end, steps)) - start) % bar for start, end, bar in spans]
    )
    if len(spans) > 1:
        (_, end, short), (_, _, full) = spans[:2]
        if end == short < full:
            pos[:end] += full - short
    weights = Counter[int]()
    for start, end, bar in spans:
        weights[bar] += max(0, min(end, steps) - start)
    bar_steps = spans[1][2] if pos[0] else max(weights, key=lambda bar: weights[bar])
    return Metre(pos.astype(np.int16), bar_steps)

"""Histograms of a set of chorales, and how far two of them are apart.

Dimensions: T steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from .battery_harmony import pitch_class_sets
from .battery_motion import intervals
from .grid import REST, ChoraleGrid
from .voice_notes import notes_of

Histogram = Mapping[str, float]
"""Counts by category; the names are strings, as JSON has them."""

HISTOGRAMS: dict[str, str] = {
    "chord_jsd_bits": "chord types, JSD to Bach, bits",
    "interval_jsd_bits": "melodic intervals, JSD to Bach, bits",
    "length_jsd_bits": "note lengths, JSD to Bach, bits",
}
"""The divergences of a table, with its words."""
_LONGEST = 16  # steps; all longer notes count as one length
_WIDEST = 12  # semitones


def histograms(grids: Sequence[ChoraleGrid]) -> dict[str, Histogram]:
    """The counts behind each of `HISTOGRAMS`, all pieces together.

    Chord types: sets of pitch classes up to transposition, in steps where all four voices sound.
    """
    counting: tuple[Callable[[ChoraleGrid], Counter[int]], ...] = (_chords, _intervals, _lengths)
    found = {}
    for name, count in zip(HISTOGRAMS, counting, strict=True):
        total = sum((count(grid) for grid in grids), Counter[int]())
        found[name] = {str(each): float(n) for each, n in sorted(total.items())}
    return found


def divergence(some: Histogram, others: Histogram) -> float:
    """Jensen-Shannon divergence of two histograms in bits: 0 alike, 1 nothing in common.

    A histogram without counts has nothing in common with any.
    """
    names = some.keys() | others.keys()
    p, q = (np.array([each.get(name, 0.0) for name in names]) for each in (some, others))
    if not p.sum() or not q.sum():
        return 1.0
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    # 0 log 0 is 0.
    parts = [np.sum(x[x > 0] * np.log2(x[x > 0] / middle[x > 0])) for x in (p, q)]
    return max(0.0, float(sum(parts)) / 2)


def _chords(grid: ChoraleGrid) -> Counter[int]:
    sets = pitch_class_sets(grid)[(grid.pitch != REST).all(axis=1)]
    return Counter(_normal()[sets].tolist())


def _intervals(grid: ChoraleGrid) -> Counter[int]:
    moves = np.concatenate([intervals(notes) for notes in notes_of(grid)])
    return Counter(moves.clip(-_WIDEST, _WIDEST).tolist())


def _lengths(grid: ChoraleGrid) -> Counter[int]:
    lengths = np.concatenate([notes.lengths for notes in notes_of(grid)])
    return Counter(lengths.clip(max=_LONGEST).tolist())


@cache
def _normal() -> np.ndarray:
    """The smallest transposition of each of the 4,096 sets of pitch classes."""
    sets = np.arange(4096)
    turned = [(sets >> k | sets << (12 - k)) & 4095 for k in range(12)]
    return np.min(turned, axis=0)

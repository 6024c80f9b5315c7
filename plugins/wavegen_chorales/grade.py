"""A grade for a chorale: how far its features lie from Bach's, after Fang et al. 2020.

"Bach or Mock? A Grading Function for Chorales in the Style of J.S. Bach" (arXiv 2006.13329) adds
up Wasserstein distances of nine features to the corpus. This follows the paper's description, not
its code: categories are ordered by how frequent they are in the corpus, lengths are in quarters,
intervals in semitones, and how passages are repeated is measured in a way of our own. Its figures
are therefore comparable among themselves, not with the paper's.

Dimensions: T steps, C categories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .battery_harmony import chord_qualities, fit_key, pitch_class_sets
from .battery_histograms import Histogram
from .battery_motion import intervals, parallels
from .grid import STEPS_PER_QUARTER, VOICES, ChoraleGrid
from .voice_notes import notes_of

FEATURES = (
    "notes",
    "rhythm",
    "parallels",
    "harmony",
    *(f"{voice}_intervals" for voice in VOICES),
    "repetition",
)
"""What is added up, in order."""
_NEAREST_REPEAT = 16  # steps; what comes sooner is a chord held on, or a figure
_LONGEST = 32  # steps of a note
_WIDEST = 24  # semitones


def corpus_histograms(grids: Sequence[ChoraleGrid]) -> dict[str, Histogram]:
    """The counts of a corpus that pieces are graded by, major and minor keys apart where tonal."""
    total: dict[str, Counter[Any]] = {}
    for grid in grids:
        for name, counts in _counts(grid).items():
            total.setdefault(name, Counter()).update(counts)
    return {name: {str(k): float(n) for k, n in counts.items()} for name, counts in total.items()}


def grade(grid: ChoraleGrid, corpus: Mapping[str, Histogram]) -> dict[str, float]:
    """Each of `FEATURES`, and their sum as `grade`: 0 is the corpus itself, less is better."""
    counts = _counts(grid)
    fifths, octaves = parallels(grid)
    n_notes = sum(counts["rhythm"].values())
    found = {}
    for feature in FEATURES:
        if feature == "parallels":
            # The distance to none at all, in errors per 100 notes.
            found[feature] = 100 * (fifths + octaves) / max(1, n_notes)
            continue
        name = next(name for name in counts if name.partition("/")[0] == feature)
        reference = corpus.get(name, {})
        mine = {str(each): float(n) for each, n in counts[name].items()}
        ranked = feature in ("notes", "harmony")
        found[feature] = _distance(mine, reference, _places(mine, reference, ranked))
    return {**found, "grade": sum(found.values())}


def _distance(some: Histogram, others: Histogram, places: Mapping[str, float]) -> float:
    """Wasserstein distance of two histograms whose categories lie at places on a line.

    Where only one of them has counts, all of it lies as far away as the line is long.
    """
    names = sorted(places, key=lambda name: places[name])
    at = np.array([places[name] for name in names])
    weights = [np.array([each.get(name, 0.0) for name in names]) for each in (some, others)]
    totals = [weight.sum() for weight in weights]
    if not all(totals):
        return float(np.ptp(at)) if any(totals) else 0.0
    gap = np.cumsum(weights[0] / totals[0] - weights[1] / totals[1])[:-1]
    return float(np.abs(gap) @ np.diff(at))


def _places(some: Histogram, corpus: Histogram, ranked: bool) -> dict[str, float]:
    """Where categories lie: at their rank in the corpus, or at the number they are."""
    names = some.keys() | corpus.keys()
    if not ranked:
        return {name: float(name) for name in names}
    order = sorted(names, key=lambda name: (-corpus.get(name, 0.0), name))
    return {name: float(rank) for rank, name in enumerate(order)}


def _counts(grid: ChoraleGrid) -> dict[str, Counter[Any]]:
    """How often each category occurs, by feature; tonal features name their mode."""
    voices = notes_of(grid)
    key = fit_key(grid)
    pitches = np.concatenate([notes.pitches for notes in voices])
    lengths = np.concatenate([notes.lengths for notes in voices]).clip(max=_LONGEST)
    sets = pitch_class_sets(grid)
    changed = np.diff(sets, prepend=0) != 0
    names = chord_qualities(sets[changed & (sets != 0)])
    moves = {
        f"{voice}_intervals": Counter(intervals(notes).clip(-_WIDEST, _WIDEST).tolist())
        for voice, notes in zip(VOICES, voices, strict=True)
    }
    return {
        f"notes/{key.key.mode}": Counter(((pitches - key.tonic) % 12).tolist()),
        "rhythm": Counter((lengths / STEPS_PER_QUARTER).tolist()),
        f"harmony/{key.key.mode}": Counter(names),
        **moves,
        "repetition": Counter(_repeats(grid).tolist()),
    }


def _repeats(grid: ChoraleGrid) -> npt.NDArray[np.int64]:
    """How long, in doublings of a beat, what leads to each step has been heard before, `(T,)`.

    0 is less than a beat, 1 a beat, 2 two beats, 3 a bar of four ...
    """
    frames = np.concatenate([grid.pitch, grid.attack], axis=1)
    _, names = np.unique(frames, axis=0, return_inverse=True)
    names = names.reshape(-1)
    steps = len(names)
    longest = np.zeros(steps, np.int64)
    runs = np.zeros(0, np.int64)  # of each earlier step, how long the match that ends there is
    for step in range(_NEAREST_REPEAT, steps):
        before = np.concatenate([[0], runs])
        runs = np.where(names[: step - _NEAREST_REPEAT + 1] == names[step], before + 1, 0)
        longest[step] = runs.max()
    return np.floor(np.log2(np.maximum(longest / STEPS_PER_QUARTER, 0.5))).astype(np.int64) + 1

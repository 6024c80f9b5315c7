"""What sounds together: chords on the beats, dissonance, and the key.

Dimensions: T steps, C = 12 pitch classes, K = 24 keys.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .battery_motion import LOWER, UPPER
from .grid import REST, STEPS_PER_QUARTER, ChoraleGrid, Key
from .shares import percent

QUALITIES = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
    "dominant 7th": (0, 4, 7, 10),
    "major 7th": (0, 4, 7, 11),
    "minor 7th": (0, 3, 7, 10),
    "half-diminished 7th": (0, 3, 6, 10),
    "diminished 7th": (0, 3, 6, 9),
    "minor major 7th": (0, 3, 7, 11),
    "augmented 7th": (0, 4, 8, 11),
}
"""Semitones above the root."""
INCOMPLETE, OTHER = "incomplete triad", "other"
_DISSONANT = (1, 2, 6, 10, 11)  # a fourth is none: between upper voices it is a consonance

# Krumhansl and Kessler 1982: how well each degree fits a key, major and minor, from the tonic.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_PROFILES = np.array([np.roll(profile, k) for profile in (_MAJOR, _MINOR) for k in range(12)])
_SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10, 11),  # with both sevenths
}


class KeyFit(NamedTuple):
    """The best of the 24 keys."""

    tonic: int
    """Pitch class, 0 is C."""
    key: Key
    correlation: float
    """Of the time that each pitch class sounds with the profile of the key; 0 of a flat one."""
    in_scale_pct: float
    """Of the sounding time; in minor both sevenths count."""


def pitch_class_sets(grid: ChoraleGrid) -> npt.NDArray[np.int64]:
    """Which pitch classes sound in each step, `(T,)`: bit 0 is C."""
    pitch = grid.pitch.astype(np.int64)
    return np.bitwise_or.reduce(np.where(pitch == REST, 0, 1 << (pitch % 12)), axis=1)


def chord_qualities(sets: npt.NDArray[np.int64]) -> list[str]:
    """The name of each set of pitch classes, in `QUALITIES` or one of the last two names."""
    return [_names()[int(each)] for each in sets]


def sonorities(grid: ChoraleGrid) -> dict[str, float]:
    """Triads (or parts of one), seventh chords and others, in percent of the beats that sound."""
    on_beats = pitch_class_sets(grid)[::STEPS_PER_QUARTER]
    kinds = np.array([_kinds()[int(each)] for each in on_beats if each])
    return {
        f"{name}_pct": percent((kinds == number).sum(), len(kinds))
        for number, name in enumerate(("triad", "seventh", "other_chord"))
    }


def dissonance(grid: ChoraleGrid) -> float:
    """Seconds, sevenths and tritones, in percent of the pairs of voices that sound together."""
    pitch = grid.pitch.astype(np.int64)
    both = (pitch[:, UPPER] != REST) & (pitch[:, LOWER] != REST)
    classes = np.abs(pitch[:, UPPER] - pitch[:, LOWER]) % 12
    return percent((np.isin(classes, _DISSONANT) & both).sum(), both.sum())


def ends_with_triad(grid: ChoraleGrid) -> bool:
    """Whether the last step is a major or minor triad; its third must sound, the rest may not."""
    return int(pitch_class_sets(grid)[-1]) in _with_third()


def fit_key(grid: ChoraleGrid) -> KeyFit:
    """The key whose profile (Krumhansl and Kessler 1982) correlates best with what sounds."""
    sounding = grid.pitch[grid.pitch != REST].astype(np.int64)
    times = np.bincount(sounding % 12, minlength=12).astype(np.float64)
    if np.ptp(times) == 0:  # nothing, or everything alike
        return KeyFit(
            0, Key(0, "major"), 0.0, percent(times[list(_SCALES["major"])].sum(), times.sum())
        )
    centred = times - times.mean()
    profiles = _PROFILES - _PROFILES.mean(axis=1, keepdims=True)
    scores = profiles @ centred / (np.linalg.norm(profiles, axis=1) * np.linalg.norm(centred))
    best = int(scores.argmax())
    tonic, mode = best % 12, "major" if best < 12 else "minor"
    own = (np.array(_SCALES[mode]) + tonic) % 12
    key = Key(0, "major").transposed(tonic)
    if mode == "minor":  # a minor key has the signature of the major key three semitones higher
        key = Key(Key(0, "major").transposed(tonic + 3).sharps, "minor")
    return KeyFit(tonic, key, float(scores[best]), percent(times[own].sum(), times.sum()))


def _rotations(chord: tuple[int, ...]) -> set[int]:
    """The twelve transpositions of a chord, as bits."""
    return {sum(1 << (note + k) % 12 for note in chord) for k in range(12)}


@cache
def _triads() -> frozenset[int]:
    """Sets that lie inside a triad."""
    chords = [chord for chord in QUALITIES.values() if len(chord) == 3]
    whole = set().union(*map(_rotations, chords))
    return frozenset(each for each in range(1, 4096) if any(each & ~chord == 0 for chord in whole))


@cache
def _with_third() -> frozenset[int]:
    """Sets inside a major or minor triad in which some third sounds."""
    whole = _rotations(QUALITIES["major"]) | _rotations(QUALITIES["minor"])
    thirds = _rotations((0, 3)) | _rotations((0, 4))
    return frozenset(
        each
        for each in _triads()
        if any(each & ~chord == 0 for chord in whole)
        and any(third & ~each == 0 for third in thirds)
    )


@cache
def _names() -> tuple[str, ...]:
    """The quality of each of the 4,096 sets."""
    names = [INCOMPLETE if each in _triads() else OTHER for each in range(4096)]
    for name, chord in QUALITIES.items():
        for each in _rotations(chord):
            names[each] = name
    return tuple(names)


@cache
def _kinds() -> tuple[int, ...]:
    """0 a triad or part of one, 1 a seventh chord, 2 anything else, of each of the 4,096 sets."""
    return tuple(
        0 if each in _triads() else 1 if name in QUALITIES else 2
        for each, name in enumerate(_names())
    )

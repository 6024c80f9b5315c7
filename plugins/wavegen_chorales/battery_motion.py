"""How voices move: parallels, leaps, crossing and spacing, with the notes that they are counted by.

Dimensions: T steps, P = 6 pairs of voices, M melodic intervals.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from .grid import REST, ChoraleGrid
from .shares import percent
from .voice_notes import Notes

UPPER, LOWER = np.array(list(combinations(range(4), 2))).T
"""`(P,)` each: the six pairs of voices."""
_FIFTH, _OCTAVE = 7, 0  # semitones modulo 12; a unison counts as an octave


def parallels(grid: ChoraleGrid) -> tuple[int, int]:
    """How often two voices go from a fifth to a fifth, and from an octave or unison to another.

    Both voices move in the same direction from one step to the next. What follows a fermata
    begins a new phrase, and does not count.
    """
    moves, before, after = _pair_motion(grid)
    together = (moves[:, UPPER] == moves[:, LOWER]) & (moves[:, UPPER] != 0)
    kept = together & (before == after)
    return int((kept & (after == _FIFTH)).sum()), int((kept & (after == _OCTAVE)).sum())


def direct(grid: ChoraleGrid) -> int:
    """How often soprano and bass reach a fifth or octave in one direction, the soprano by leap.

    Those that were at the same interval before are parallels, and not counted here.
    """
    moves, before, after = _pair_motion(grid)
    outer = 2  # soprano and bass
    leap = np.abs(np.diff(grid.pitch[:, 0].astype(np.int64))) > 2
    together = (moves[:, 0] == moves[:, 3]) & (moves[:, 0] != 0)
    perfect = np.isin(after[:, outer], (_FIFTH, _OCTAVE))
    return int((together & leap & perfect & (before != after)[:, outer]).sum())


def position(grid: ChoraleGrid) -> dict[str, float]:
    """Crossed voices and wide gaps, in percent of the steps where all four sound."""
    pitch = grid.pitch[(grid.pitch != REST).all(axis=1)].astype(np.int64)
    gaps = pitch[:, :-1] - pitch[:, 1:]
    return {
        "crossing_pct": percent((gaps < 0).any(axis=1).sum(), len(gaps)),
        "upper_gap_pct": percent((gaps[:, :2] > 12).any(axis=1).sum(), len(gaps)),
        "lower_gap_pct": percent((gaps[:, 2] > 19).sum(), len(gaps)),
    }


def intervals(notes: Notes) -> npt.NDArray[np.int64]:
    """Semitones from each note of a voice to its next, over rests too, `(M,)`."""
    return np.diff(notes.pitches)


def leaps(moves: npt.NDArray[np.int64]) -> dict[str, float]:
    """What melodic intervals `(M,)` there are, in percent of them."""
    sizes = np.abs(moves)
    return {
        "steps_pct": percent(((sizes > 0) & (sizes <= 2)).sum(), len(sizes)),
        "repeated_pct": percent((sizes == 0).sum(), len(sizes)),
        "over_octave_pct": percent((sizes > 12).sum(), len(sizes)),
        "tritone_pct": percent((sizes == 6).sum(), len(sizes)),
    }


def _pair_motion(
    grid: ChoraleGrid,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Direction of each voice `(T-1, 4)`, and intervals of pairs modulo 12 `(T-1, P)`, twice.

    The direction is 0 where a voice does not sound, or where a phrase ends between the steps.
    """
    pitch = grid.pitch.astype(np.int64)
    sounding = pitch != REST
    moves = np.sign(np.diff(pitch, axis=0)) * (sounding[1:] & sounding[:-1])
    moves[grid.fermata[:-1] & ~grid.fermata[1:]] = 0
    pairs = (pitch[:, UPPER] - pitch[:, LOWER]) % 12
    return moves, pairs[:-1], pairs[1:]

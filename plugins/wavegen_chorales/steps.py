"""Notes of any time to steps of the grid, one note at a time in each voice.

Dimensions: T steps.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from .grid import REST, Flags, Pitches

_TOGETHER = 4
"""Notes whose distances to the grid differ by less than a quarter of a step are a chord."""


class Sung(NamedTuple):
    """One note; its times are in steps and need not be whole."""

    start: float | Fraction
    end: float | Fraction
    pitch: int


@dataclass(frozen=True)
class Line:
    """The notes of one voice in whole steps; none overlaps the next."""

    notes: list[tuple[int, int, int]]
    """Start, end, pitch."""
    moved: int
    """Notes that began between two steps."""
    dropped: int
    """Notes that had no step of their own: of chords, or too short."""

    @property
    def steps(self) -> int:
        """Where the last note ends."""
        return self.notes[-1][1] if self.notes else 0

    def fill(self, steps: int) -> tuple[Pitches, Flags]:
        """Pitch and attack `(T,)`."""
        pitch, attack = np.full(steps, REST, np.int8), np.zeros(steps, np.bool_)
        for start, end, note in self.notes:
            pitch[start:end] = note
            attack[start] = True
        return pitch, attack


def lay(sung: Sequence[Sung], lowest: bool) -> Line:
    """Notes onto the grid: each begins at the nearest step, and ends where the next one begins.

    Of notes that begin at one step the nearest to it stays, and of a chord the highest, or the
    lowest in a bass.
    """
    at: dict[int, list[Sung]] = defaultdict(list)
    for note in sung:
        at[math.ceil(note.start - 0.5)].append(note)

    def rank(step: int, note: Sung) -> tuple[int, int]:
        return round(abs(note.start - step) * _TOGETHER), note.pitch if lowest else -note.pitch

    starts = sorted(at)
    notes: list[tuple[int, int, int]] = []
    for step, following in zip_longest(starts, starts[1:]):
        note = min(at[step], key=lambda candidate: rank(step, candidate))
        end = max(step + 1, math.floor(note.end + 0.5))
        notes.append((step, end if following is None else min(end, following), note.pitch))
    moved = sum(note.start != step for step, found in at.items() for note in found)
    return Line(notes, moved, len(sung) - len(notes))


def words(lines: Sequence[Line]) -> tuple[str, ...]:
    """What was changed in laying these voices onto the grid, if anything was."""
    kept = sum(len(line.notes) for line in lines)
    moved, dropped = (sum(getattr(line, what) for line in lines) for what in ("moved", "dropped"))
    said: list[str] = []
    if moved:
        said.append(f"{moved} of {kept + dropped} notes began between two sixteenths; moved")
    if dropped:
        said.append(f"{dropped} notes left out: a voice has one at a time, a sixteenth or longer")
    return tuple(said)

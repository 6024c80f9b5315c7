"""What is known of a new piece besides its notes: key, metre, fermatas and tempo.

Dimensions: T steps, C condition channels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .conditions import Conditions, Rows
from .grid import UNKNOWN, ChoraleGrid


def annotated(
    notes: ChoraleGrid, rows: Rows | None, prime: ChoraleGrid | None, conditions: Conditions
) -> ChoraleGrid:
    """A piece `(T, 4)` with what its conditions, at least T rows, say of it.

    What these leave open is as in the prime that it begins with: tempo, key, and a metre that
    goes on.
    """
    steps = len(notes)
    if prime is not None:
        notes = replace(
            notes,
            pos=_counted(prime.pos[:steps], steps, prime.bar_steps),
            bar_steps=prime.bar_steps,
            key=prime.key,
            bpm=prime.bpm,
        )
    if rows is None or not steps:
        return notes
    rows = rows[:steps]
    told = conditions.positions(rows)
    if (told != UNKNOWN).any():
        ends = told[:-1][told[1:] == 0]
        bar_steps = int(ends[-1]) + 1 if len(ends) and ends[-1] != UNKNOWN else notes.bar_steps
        notes = replace(notes, pos=_counted(told, steps, bar_steps), bar_steps=bar_steps)
    return replace(notes, fermata=conditions.fermatas(rows), key=conditions.key(rows) or notes.key)


def _counted(told: npt.NDArray[np.integer], steps: int, bar_steps: int) -> npt.NDArray[np.int16]:
    """Places in the bar `(steps,)`: those told, and where none is told as the bars go on."""
    place = np.full(steps, UNKNOWN, np.int16)
    place[: len(told)] = told
    known = np.flatnonzero(place != UNKNOWN)
    if not len(known):
        return place
    now = np.arange(steps)
    nearest = known[np.maximum(np.searchsorted(known, now, side="right") - 1, 0)]
    counted = (place[nearest] + now - nearest) % bar_steps
    return np.where(place == UNKNOWN, counted, place).astype(np.int16)

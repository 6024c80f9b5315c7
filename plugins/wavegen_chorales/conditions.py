"""What a model is told beside the notes: place in the bar, fermatas, key, notes that are given.

Each group of a step is a row of its own, and a row of zeros says that nothing is known: so any
group may be missing, and the model can be trained with some of them hidden.

Dimensions: T steps, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .codec import DRAWING_ORDER, LOWEST, N_PITCHES
from .grid import REST, STEPS_PER_QUARTER, UNKNOWN, ChoraleGrid, Flags, Pitches

Rows = npt.NDArray[np.float32]
"""`(T, C)`."""

BAR_POSITIONS = 24
"""Sixteenths in the bar that are told apart; 24 are a bar of 6/4 or 12/8."""
HORIZON = 32
"""Steps within which a fermata is announced: two bars of 4/4."""
_FERMATA_EDGES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, HORIZON + 1])
"""First distance of each bucket of steps to the next fermata, 1 step to `HORIZON`; then none."""
_SHARPS = 7
_GIVEN_CLASSES = 1 + N_PITCHES


class _Group(Protocol):
    """One group of conditions: its channels, and its rows `(T, channels)` of a grid."""

    channels: int

    def rows(self, grid: ChoraleGrid) -> Rows: ...


class _Position:
    """The sixteenth in the bar, and the sixteenth in its quarter."""

    channels = BAR_POSITIONS + STEPS_PER_QUARTER

    def rows(self, grid: ChoraleGrid) -> Rows:
        known = grid.pos != UNKNOWN
        in_bar = np.where(known & (grid.pos < BAR_POSITIONS), grid.pos, UNKNOWN)
        in_quarter = np.where(known, grid.pos % STEPS_PER_QUARTER, UNKNOWN)
        return np.hstack([_one_hot(in_bar, BAR_POSITIONS), _one_hot(in_quarter, STEPS_PER_QUARTER)])


class _Fermata:
    """Whether a fermata is held here, and how far off the next one is, up to `HORIZON`."""

    channels = 1 + len(_FERMATA_EDGES) - 1

    def rows(self, grid: ChoraleGrid) -> Rows:
        steps = np.arange(len(grid))
        at = np.flatnonzero(grid.fermata)
        following = np.searchsorted(at, steps)  # the first fermata that is not before the step
        next_at = np.append(at, len(grid) + HORIZON + 1)[following]
        bucket = np.searchsorted(_FERMATA_EDGES, next_at - steps, side="right") - 1
        bucket = np.where(bucket == len(_FERMATA_EDGES) - 1, UNKNOWN, bucket)
        return np.hstack(
            [grid.fermata[:, None].astype(np.float32), _one_hot(bucket, len(_FERMATA_EDGES) - 1)]
        )


class _Key:
    """Sharps from -7 to 7, and the mode."""

    channels = 2 * _SHARPS + 1 + 2

    def rows(self, grid: ChoraleGrid) -> Rows:
        rows = np.zeros((len(grid), self.channels), np.float32)
        if grid.key is not None:
            rows[:, grid.key.sharps + _SHARPS] = 1
            rows[:, -2 if grid.key.mode == "major" else -1] = 1
        return rows


class _Given:
    """Nothing is given by a grid itself: `given` fills these rows."""

    channels = 4 * _GIVEN_CLASSES

    def rows(self, grid: ChoraleGrid) -> Rows:
        return np.zeros((len(grid), self.channels), np.float32)


_GROUPS: dict[str, _Group] = {
    "pos": _Position(),
    "fermata": _Fermata(),
    "key": _Key(),
    "given": _Given(),
}


class Conditions:
    """The groups that a domain was asked for, side by side in the order of their names there."""

    def __init__(self, names: Sequence[str]) -> None:
        self.columns: dict[str, slice] = {}
        """Channels of each group."""
        self.channels = 0
        for name in names:
            first, self.channels = self.channels, self.channels + _GROUPS[name].channels
            self.columns[name] = slice(first, self.channels)

    def rows(self, grid: ChoraleGrid, given: Flags | None = None) -> Rows:
        """All that is known of a grid, `(T, C)`, and the cells that `given` `(T, 4)` marks.

        `given` has the order of the grid's voices. Row t belongs to event t.
        """
        known = [_GROUPS[name].rows(grid) for name in self.columns]
        rows = np.hstack([np.zeros((len(grid), 0), np.float32), *known]).astype(np.float32)
        if given is not None and "given" in self.columns:
            rows[:, self.columns["given"]] = given_rows(grid.pitch, given)
        return rows

    def positions(self, rows: Rows) -> npt.NDArray[np.int64]:
        """The sixteenth in the bar `(T,)` that rows tell; -1 where they tell none."""
        if "pos" not in self.columns:
            return np.full(len(rows), UNKNOWN)
        first = self.columns["pos"].start
        told = rows[:, first : first + BAR_POSITIONS]
        return np.where(told.any(axis=1), told.argmax(axis=1), UNKNOWN)


def given_rows(pitch: Pitches, given: Flags) -> Rows:
    """One-hot of the given cells `(T, 4 * 47)`: rest and 36 to 81 of each voice, in drawing order.

    A pitch beyond that range is not told.
    """
    classes = np.where(pitch == REST, 0, pitch.astype(np.int64) - LOWEST + 1)
    told = given & (classes >= 0) & (classes < _GIVEN_CLASSES)
    cells = _one_hot(np.where(told, classes, UNKNOWN), _GIVEN_CLASSES)[:, DRAWING_ORDER]
    return cells.reshape(len(pitch), 4 * _GIVEN_CLASSES)


def _one_hot(classes: npt.NDArray[np.integer], n_classes: int) -> Rows:
    """`(...)` to `(..., n_classes)`; `UNKNOWN` is a row of zeros."""
    return (classes[..., None] == np.arange(n_classes)).astype(np.float32)

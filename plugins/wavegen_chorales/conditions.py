"""What a model is told beside the notes: place in the bar, fermatas, key, notes that are given.

Each group of a step is a row of its own, and a row of zeros says that nothing is known: so any
group may be missing, and the model can be trained with some of them hidden.

Dimensions: T steps, C channels.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .codec import DRAWING_ORDER, Events
from .config import CONDITIONS
from .grid import STEPS_PER_QUARTER, UNKNOWN, ChoraleGrid, Flags, Key

Rows = npt.NDArray[np.float32]
"""`(T, C)`."""

BAR_POSITIONS = 24
"""Sixteenths in the bar that are told apart; 24 are a bar of 6/4 or 12/8."""
HORIZON = 32
"""Steps within which a fermata is announced: two bars of 4/4."""
_FERMATA_EDGES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, HORIZON + 1])
"""First distance of each bucket of steps to the next fermata, 1 step to `HORIZON`; then none."""
_SHARPS = 7


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


_GROUPS: dict[str, _Group] = {"pos": _Position(), "fermata": _Fermata(), "key": _Key()}


class Conditions:
    """The groups that a domain was asked for, side by side; cells that are given come last."""

    def __init__(self, names: Collection[str], n_classes: int) -> None:
        """`n_classes` is the number of classes of a cell."""
        self._n_classes = n_classes
        self.columns: dict[str, slice] = {}
        """Channels of each group."""
        self.channels = 0
        for name in (name for name in CONDITIONS if name in names):
            first = self.channels
            self.channels += 4 * n_classes if name == "given" else _GROUPS[name].channels
            self.columns[name] = slice(first, self.channels)

    def rows(self, grid: ChoraleGrid) -> Rows:
        """All that is known of a grid, `(T, C)`, with no note given. Row t belongs to event t."""
        rows = np.zeros((len(grid), self.channels), np.float32)
        for name, columns in self.columns.items():
            if name != "given":
                rows[:, columns] = _GROUPS[name].rows(grid)
        return rows

    def give(self, rows: Rows, events: Events, given: Flags) -> Rows:
        """Rows that tell of the cells of `events` `(T, 4)` that `given` marks, and of no others.

        `given` `(T, 4)` has the order of a grid's voices. A cell is told whole: struck and held
        differ where the alphabet tells them apart.
        """
        classes = np.where(given[:, DRAWING_ORDER], events, UNKNOWN)
        told = rows.copy()
        told[:, self.columns["given"]] = _one_hot(classes, self._n_classes).reshape(len(rows), -1)
        return told

    def positions(self, rows: Rows) -> npt.NDArray[np.int64]:
        """The sixteenth in the bar `(T,)` that rows tell; -1 where they tell none."""
        if "pos" not in self.columns:
            return np.full(len(rows), UNKNOWN)
        first = self.columns["pos"].start
        return _class_of(rows[:, first : first + BAR_POSITIONS])

    def fermatas(self, rows: Rows) -> Flags:
        """Whether rows tell of a fermata here `(T,)`."""
        if "fermata" not in self.columns:
            return np.zeros(len(rows), np.bool_)
        return rows[:, self.columns["fermata"].start] > 0

    def key(self, rows: Rows) -> Key | None:
        """The key that the last row tells, if any."""
        told = rows[-1:, self.columns["key"]] if "key" in self.columns else rows[:0]
        if not told.any():
            return None
        return Key(int(told[0, :-2].argmax()) - _SHARPS, "major" if told[0, -2] else "minor")


def _one_hot(classes: npt.NDArray[np.integer], n_classes: int) -> Rows:
    """`(...)` to `(..., n_classes)`; `UNKNOWN` is a row of zeros."""
    return (classes[..., None] == np.arange(n_classes)).astype(np.float32)


def _class_of(rows: Rows) -> npt.NDArray[np.int64]:
    """The inverse for `(T, n_classes)`."""
    return np.where(rows.any(axis=1), rows.argmax(axis=1), UNKNOWN)

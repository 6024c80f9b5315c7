"""What training hides from a model and what it gives: so that one model can do with little.

Dimensions: T steps, C condition channels.
"""

from __future__ import annotations

import numpy as np

from .codec import Events
from .conditions import Conditions, Rows
from .grid import UNKNOWN, ChoraleGrid, Flags

HIDDEN_SHARE = 0.15
"""How often a group of conditions is hidden."""


def exercise(
    known: Rows,
    events: Events,
    grid: ChoraleGrid,
    conditions: Conditions,
    rng: np.random.Generator,
) -> Rows:
    """The rows `(T, C)` of a window, with groups hidden and some of `events` `(T, 4)` given."""
    rows = known.copy()
    for name, columns in conditions.columns.items():
        hidden = rng.random() < HIDDEN_SHARE
        if name == "given":
            rows = conditions.give(rows, events, given_cells(grid, rng))
        elif hidden:
            rows[:, columns] = 0
    return rows


def given_cells(grid: ChoraleGrid, rng: np.random.Generator) -> Flags:
    """Which cells `(T, 4)` are given: none half of the time, else whole voices, or bars of them.

    Of whole voices the soprano alone is as frequent as all other choices together: people bring
    tunes. Bars are given with any density, as all but a few are where a gap is filled.
    """
    given = np.zeros(grid.pitch.shape, np.bool_)
    task = rng.choice(["nothing", "tune", "voices", "bars"], p=[0.5, 0.125, 0.125, 0.25])
    if task == "tune":
        given[:, 0] = True
    elif task == "voices":
        given[:, rng.permutation(4)[: rng.integers(1, 4)]] = True
    elif task == "bars":
        bars = _bar_of(grid)
        chosen = rng.random((int(bars.max(initial=0)) + 1, 4)) < rng.random()
        given |= chosen[bars]
    return given


def _bar_of(grid: ChoraleGrid) -> np.ndarray:
    """The number of the bar `(T,)` that each step is in; without a metre, of `bar_steps` each."""
    if len(grid) and grid.pos[0] != UNKNOWN:
        begins = grid.pos == 0
        begins[0] = True
        return begins.cumsum() - 1
    return np.arange(len(grid)) // grid.bar_steps

"""The conditions that say what was asked of a new chorale.

Dimensions: T steps, C condition channels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wavegen.errors import ConfigError

from .conditions import HORIZON, Conditions, Rows
from .grid import REST, STEPS_PER_QUARTER, UNKNOWN, ChoraleGrid, Key
from .plan import ChoralesPlan


def planned_rows(plan: ChoralesPlan, steps: int, begun: Rows, conditions: Conditions) -> Rows:
    """The conditions `(steps, C)` that follow those of a beginning `(T, C)`.

    Fermatas are counted from its first step. Key and metre go on where the plan names no others.
    Raises `ConfigError` for what the model was not taught.
    """
    asked = {"key": plan.key, "fermata": plan.fermata_every, "pos": plan.beats}
    for group, value in asked.items():
        if value and group not in conditions.columns:
            raise ConfigError(
                f"this model was trained without the condition {group}; leave its option out"
            )
    first = len(begun)
    step = np.arange(first, first + steps + HORIZON)  # a fermata beyond the end is announced too
    every = plan.fermata_every
    fermata = step % every >= every - STEPS_PER_QUARTER if every else np.zeros(len(step), np.bool_)
    pos, bar = _bars(plan.beats * STEPS_PER_QUARTER, len(step), conditions.positions(begun))
    sketch = ChoraleGrid(
        np.full((len(step), 4), REST, np.int8),
        np.zeros((len(step), 4), np.bool_),
        fermata,
        pos,
        bar or 16,
        Key.named(plan.key) if plan.key else None,
    )
    rows = conditions.rows(sketch)[:steps]
    if first and not plan.key and "key" in conditions.columns:
        rows[:, conditions.columns["key"]] = begun[-1, conditions.columns["key"]]
    return rows


def _bars(bar: int, steps: int, before: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int16], int]:
    """Places in the bar `(steps,)` after those `before`, and its length; -1 where it is open.

    Without a length `bar`, the last full bar of `before` has it.
    """
    last = int(before[-1]) if len(before) else UNKNOWN
    ends = before[:-1][before[1:] == 0]
    bar = bar or (int(ends[-1]) + 1 if len(ends) and last != UNKNOWN else 0)
    if not bar:
        return np.full(steps, UNKNOWN, np.int16), 0
    start = last + 1 if last != UNKNOWN else len(before)
    return ((start + np.arange(steps)) % bar).astype(np.int16), bar

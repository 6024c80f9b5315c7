"""What can be asked of a new chorale, and the conditions that say it.

Dimensions: T steps, C condition channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wavegen.config import option
from wavegen.errors import ConfigError

from .conditions import Conditions, Rows
from .grid import REST, STEPS_PER_QUARTER, UNKNOWN, ChoraleGrid, Key


@dataclass(frozen=True)
class ChoralesPlan:
    """A new chorale; what is not said is left to the model."""

    key: str = option("", "key of the piece, such as G, Bb or F#m")
    fermata_every: int = option(
        0, "sixteenths between two fermatas, each of a quarter; 0 leaves them to the model"
    )
    beats: int = option(0, "quarters of a bar, the first one full; 0 leaves the metre open")

    def __post_init__(self) -> None:
        """Refuse what is no plan."""
        if self.key:
            Key.named(self.key)
        if self.fermata_every and self.fermata_every <= STEPS_PER_QUARTER:
            raise ConfigError(f"fermata_every is {self.fermata_every}; give 0, or 5 steps or more")
        if not 0 <= self.beats <= 32:
            raise ConfigError(f"beats is {self.beats}; give 0 (open) to 32 quarters of a bar")


def planned_rows(plan: ChoralesPlan, steps: int, conditions: Conditions) -> Rows:
    """The conditions `(T, C)` of a plan. Raises `ConfigError` for what the model was not taught."""
    asked = {"key": plan.key, "fermata": plan.fermata_every, "pos": plan.beats}
    for group, value in asked.items():
        if value and group not in conditions.columns:
            raise ConfigError(
                f"this model was trained without the condition {group}; leave its option out"
            )
    return conditions.rows(_sketch(plan, steps))


def _sketch(plan: ChoralesPlan, steps: int) -> ChoraleGrid:
    """A chorale of rests with the plan's key, bars and fermatas."""
    step, bar = np.arange(steps), plan.beats * STEPS_PER_QUARTER
    every = plan.fermata_every
    return ChoraleGrid(
        np.full((steps, 4), REST, np.int8),
        np.zeros((steps, 4), np.bool_),
        step % every >= every - STEPS_PER_QUARTER if every else np.zeros(steps, np.bool_),
        (step % bar if bar else np.full(steps, UNKNOWN)).astype(np.int16),
        bar or 16,
        Key.named(plan.key) if plan.key else None,
    )

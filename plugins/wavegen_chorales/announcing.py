"""Conditions of a piece that is still arriving: a fermata is announced some bars ahead.

Dimensions: T steps, C condition channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wavegen.domain import Conditioner

from .conditions import HORIZON, Conditions
from .grid import ChoraleGrid, join


class GridConditioner(Conditioner[ChoraleGrid]):
    """Holds back the last steps while a fermata that they announce may still come."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self.latency = HORIZON if "fermata" in conditions.columns else 0
        self._held: ChoraleGrid | None = None

    def push(self, piece: ChoraleGrid) -> Tensor:
        """The rows `(T, C)` of the steps whose future is far enough known."""
        grid = join([self._held, piece]) if self._held else piece
        ready = max(0, len(grid) - self.latency)
        self._held = grid.cut(ready, len(grid))
        return torch.from_numpy(self._conditions.rows(grid)[:ready])

    def finish(self) -> Tensor:
        """The rows of the last steps."""
        if self._held is None:
            return torch.zeros(0, self._conditions.channels)
        return torch.from_numpy(self._conditions.rows(self._held))

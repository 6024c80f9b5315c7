"""Recurrent layers one above the other, with dropout between them and zoneout within.

Dimensions: T time, B batch, I inputs of the first layer, H width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .not_compiled import not_compiled
from .recurrent_cells import Cell, State

States = tuple[State, ...]
"""The state of each layer."""


class RecurrentStack(nn.Module):
    """Any cells; each reads what the one below puts out."""

    def __init__(self, cells: Sequence[Cell], dropout: float = 0.0, zoneout: float = 0.0) -> None:
        super().__init__()
        self.cells, self.dropout, self.zoneout = nn.ModuleList(cells), dropout, zoneout

    def init_state(self, batch: int) -> States:
        """What layers remember that have seen nothing."""
        return tuple(cell.init_state(batch) for cell in self._cells())

    @not_compiled
    def forward(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """All steps `(T, B, I)` to `(T, B, H)`, and the states after them."""
        after = list[State]()
        for cell, state in zip(self._cells(), states, strict=True):
            x, state = self._scan(cell, x, state)
            x = F.dropout(x, self.dropout, self.training)
            after.append(state)
        return x, tuple(after)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """One step `(B, I)` to `(B, H)`, and the states after it."""
        after = list[State]()
        for cell, state in zip(self._cells(), states, strict=True):
            state = self._zoned(cell.step(cell.drive(x), state), state)
            x = state[0]
            after.append(state)
        return x, tuple(after)

    def hidden_weights(self) -> list[nn.Parameter]:
        """Those of all layers."""
        return [weight for cell in self._cells() for weight in cell.hidden_weights()]

    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]

    def _scan(self, cell: Cell, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One layer over all steps."""
        if not self.zoneout and (scanned := cell.scan(x, state)) is not None:
            return scanned
        step, outs = cell.begin(), list[Tensor]()
        for z in cell.drive(x).unbind(0):
            state = self._zoned(step(z, state), state)
            outs.append(state[0])
        return torch.stack(outs), state

    def _zoned(self, after: State, before: State) -> State:
        """Krueger et al. 2017: some units stay as they were; when playing, all a little."""
        if not self.zoneout:
            return after
        pairs = zip(after, before, strict=True)
        if not self.training:
            return tuple(new + self.zoneout * (old - new) for new, old in pairs)
        return tuple(
            torch.where(torch.rand_like(new) < self.zoneout, old.to(new.dtype), new)
            for new, old in pairs
        )

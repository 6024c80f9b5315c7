"""Clockwork RNN (Koutnik et al. 2014): groups of units that run at every 1st, 2nd, 4th, ... step.

A group reads itself and the slower groups. So whole windows are computed from the slowest group
to the fastest, each over its own turns only: a step in which a group rests costs nothing. The step
itself computes all groups and keeps the old values of those that rest.

Dimensions: B batch, T time, E event shape, P head parameters, G groups from fast to slow, K units
of a group, I width of the embedding.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..layers.embedding import EventEmbedding, StaticEmbedding
from ..layers.not_compiled import not_compiled
from ..layers.recurrent_cells import Elman
from ..layers.slow_clock import first_turn, held, prefill_by_clock
from ..model import SequenceModel, SequenceSpec
from .clockwork_config import ClockworkConfig


class ClockworkState(NamedTuple):
    """The memory of B voices."""

    clock: Tensor
    """`(B,)` symbols seen."""
    h: Tensor
    """`(B, G, K)` what each group holds."""
    static: Tensor
    """`(B, I)` what the static condition adds to the embedding."""


class Clockwork(SequenceModel[ClockworkState]):
    """One Elman cell for each group; the slower groups are a part of its input."""

    receptive_field = None
    _periods: Tensor

    def __init__(self, config: ClockworkConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.periods, units, width = config.all_periods, config.units, config.embedding
        self.embedding = EventEmbedding(spec, width)
        self.static_embedding = StaticEmbedding(spec, width)
        slower = reversed(range(len(self.periods)))
        self.groups = nn.ModuleList(Elman(n * units + width, units) for n in slower)
        self.output = nn.Linear(len(self.periods) * units, spec.n_params)
        self.register_buffer("_periods", torch.tensor(self.periods), persistent=False)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """`(B, T, *E)` to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`."""
        after = self._run(0, x, self.init_state(x.shape[0], static), cond)
        return self.output(torch.cat([h[-keep:] for h in after], -1)).transpose(0, 1)

    def init_state(self, batch: int, static: Tensor | None = None) -> ClockworkState:
        """Zeros, and what the static condition adds."""
        like = self.output.weight
        return ClockworkState(
            torch.zeros(batch, dtype=torch.int64, device=like.device),
            like.new_zeros(batch, len(self.periods), self.config.units),
            self.static_embedding.bias(batch, static, like),
        )

    def step(
        self, x: Tensor, state: ClockworkState, cond: Tensor | None = None
    ) -> tuple[Tensor, ClockworkState]:
        """`(B, *E)` to `(B, P)`; groups whose turn it is not stay bit for bit as they were."""
        e = self.embedding(x, cond) + state.static
        seen, units = torch.cat([state.h.flatten(1), e], 1), self.config.units
        made = list[Tensor]()
        for group, (cell, h) in enumerate(zip(self._cells(), state.h.unbind(1), strict=True)):
            slower = seen[:, (group + 1) * units :]
            made += cell.step(cell.drive(slower), (h,))
        is_turn = state.clock[:, None] % self._periods == 0
        h = torch.where(is_turn[..., None], torch.stack(made, 1), state.h)
        return self.output(h.flatten(1)), state._replace(clock=state.clock + 1, h=h)

    def prefill(
        self, x: Tensor, state: ClockworkState, cond: Tensor | None = None
    ) -> tuple[Tensor, ClockworkState]:
        """Each group over its own turns, for voices of one age at a time."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        return prefill_by_clock(self._prefill, state.clock, x, state, cond)

    def hidden_weights(self) -> list[nn.Parameter]:
        """Those of all groups."""
        return [weight for cell in self._cells() for weight in cell.hidden_weights()]

    def _prefill(
        self, clock: int, x: Tensor, state: ClockworkState, cond: Tensor | None
    ) -> tuple[Tensor, ClockworkState]:
        h = torch.stack([after[-1] for after in self._run(clock, x, state, cond)], 1)
        out = self.output(h.flatten(1))
        return out, state._replace(clock=state.clock + x.shape[1], h=h)

    @not_compiled
    def _run(
        self, clock: int, x: Tensor, state: ClockworkState, cond: Tensor | None
    ) -> list[Tensor]:
        """What each group holds after each step: G times `(T, B, K)`."""
        e = self.embedding(x, cond).transpose(0, 1) + state.static
        n_steps = len(e)
        read, after = [e], list[Tensor]()  # what a group reads, slower ones and the embedding
        parts = zip(self._cells(), state.h.unbind(1), self.periods, strict=True)
        for cell, h, period in reversed(list(parts)):
            first = first_turn(clock, period)
            turns = e.new_empty(0, *h.shape)
            if first < n_steps:
                own = torch.cat([part[first::period] for part in read], -1)
                scanned = cell.scan(own, (h,))
                assert scanned is not None
                turns = scanned[0]
            now = held(h, turns, first, period, n_steps)
            read.insert(0, torch.cat([h[None], now[:-1]]))
            after.insert(0, now)
        return after

    def _cells(self) -> list[Elman]:
        return [cell for cell in self.groups if isinstance(cell, Elman)]

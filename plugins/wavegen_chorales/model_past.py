"""What a chorale's past says about time: how long each voice has held, and where the beat falls.

The beat is not told: where notes began 4, 8, 12, ... sixteenths before the step that is predicted
they are likely to begin again, so for each place in periods of a quarter, of three and of four
the memory counts the beginnings, old ones less and less.

Dimensions: B batch, T time, N voices, A ages told apart, F features.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .codec import N_PITCHES

_AGES = 32
_PERIODS = (4, 12, 16)
_FADE = 0.8
"""Weight of a period against the one after it."""


class PastState(NamedTuple):
    """The memory of B sequences."""

    event: Tensor
    """`(B, N)` int64 the last event."""
    ages: Tensor
    """`(B, N)` int64 steps that each voice's note has lasted, up to the most told apart."""
    onsets: Tensor
    """`(B, sum of periods)` float32 beginnings at each place, the predicted step's place first."""


class Past(nn.Module):
    """Features of the past of N voices, for alphabets with and without held notes."""

    def __init__(self, n_values: int, n_classes: int) -> None:
        super().__init__()
        self.n_values, self.has_holds = n_values, n_classes == 1 + 2 * N_PITCHES
        self.n_features = n_values * _AGES + sum(_PERIODS)

    def init_state(self, batch: int, device: torch.device) -> PastState:
        """Silence that has lasted for long."""
        event = torch.zeros(batch, self.n_values, dtype=torch.int64, device=device)
        onsets = torch.zeros(batch, sum(_PERIODS), device=device)
        return PastState(event, torch.full_like(event, _AGES - 1), onsets)

    def step(self, x: Tensor, state: PastState) -> tuple[Tensor, PastState]:
        """Events `(B, N)` to features `(B, F)` of the step after them."""
        begins = self._begins(x, state.event)
        ages = torch.where(begins, 0, (state.ages + 1).clamp(max=_AGES - 1))
        count = begins.sum(-1, keepdim=True).float() / self.n_values
        rings = list[Tensor]()
        for ring in state.onsets.split(_PERIODS, -1):
            # The place of this step is the last one from now on, the oldest comes round again.
            rings += [ring[:, 1:], _FADE * ring[:, :1] + (1 - _FADE) * count]
        onsets = torch.cat(rings, -1)
        return self._features(ages, onsets), PastState(x.clone(), ages, onsets)

    def forward(self, x: Tensor, state: PastState) -> tuple[Tensor, PastState]:
        """All steps of `(B, T, N)` at once, to `(B, T, F)`."""
        n_steps = x.shape[1]
        begins = self._begins(x, torch.cat([state.event[:, None], x[:, :-1]], 1))
        clock = torch.arange(1, n_steps + 1, device=x.device)[:, None]
        began = torch.where(begins, clock, -state.ages[:, None]).cummax(1).values
        ages = (clock - began).clamp(max=_AGES - 1)
        counts = begins.sum(-1).float() / self.n_values
        starts = state.onsets.split(_PERIODS, -1)
        onsets = torch.cat(
            [_rings(counts, ring, p) for ring, p in zip(starts, _PERIODS, strict=True)], -1
        )
        after = PastState(x[:, -1].clone(), ages[:, -1].clone(), onsets[:, -1].clone())
        return self._features(ages, onsets), after

    def _begins(self, x: Tensor, before: Tensor) -> Tensor:
        """Whether a note, or a rest, begins in each voice: `(..., N)`."""
        if not self.has_holds:
            return x != before
        is_struck = (x > 0) & (x <= N_PITCHES)
        return is_struck | (_pitch(x) != _pitch(before))

    def _features(self, ages: Tensor, onsets: Tensor) -> Tensor:
        table = torch.eye(_AGES, device=ages.device)
        return torch.cat([F.embedding(ages, table).flatten(-2), onsets], -1)


def _pitch(x: Tensor) -> Tensor:
    """0 for a rest, else 1 to 46, whether struck or held."""
    return torch.where(x > N_PITCHES, x - N_PITCHES, x)


def _rings(counts: Tensor, before: Tensor, period: int) -> Tensor:
    """A ring after each of T steps, `(B, T, period)`, from counts `(B, T)` and the ring before."""
    n_steps = counts.shape[1]
    turns = -(-n_steps // period)
    laps = F.pad(counts, (0, turns * period - n_steps)).unflatten(1, (turns, period))
    ring, after = before, list[Tensor]()
    for lap in laps.unbind(1):
        ring = _FADE * ring + (1 - _FADE) * lap
        after.append(ring)
    # Values in the order of the steps that set them; step t shows those set at t - period + 1 to t.
    values = torch.cat([before, torch.cat(after, 1)], 1)
    return values[:, 1:].unfold(1, period, 1)[:, :n_steps]

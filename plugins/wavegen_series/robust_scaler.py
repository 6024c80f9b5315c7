"""The scaler `robust`: median, and mean absolute deviation from it, of the last values.

Dimensions: B batch, T time, N channels, M values remembered.
"""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from .scaler import Count, Reading, Scaler, Seen, floored, shown, with_prior


@final
class Robust(Scaler):
    """A stray value moves neither by much. Sorting has no step program, so PyTorch plays it."""

    n_features = 4

    def init_state(self, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """What was counted, the last location and log-scale, and the last M values."""
        count = self._counted(batch, device)
        ring = torch.full((batch, int(self.memory), self.n_channels), math.nan, device=device)
        return (*count, torch.zeros_like(count.last), torch.zeros_like(count.last), ring)

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """One value of each channel."""
        seen, count = self._see(x, Count(*state[:3]))
        ring = state[5]
        moved = torch.cat([ring[:, 1:], seen.x[:, None]], 1)
        ring = torch.where(seen.is_seen[:, None] > 0, moved, ring)
        median, deviation = _middle(ring, 1)
        scale = floored(with_prior(deviation, seen.n, seen.prior), seen.x).log()
        return _reading(seen, median, scale, state[3], state[4]), (*count, median, scale, ring)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """All steps at once: the observed values, closed up, and windows of them."""
        seen, count = self._see_all(x, Count(*state[:3]))
        order = x.isnan().to(torch.int8).argsort(dim=1, stable=True)
        line = torch.cat([state[5], x.gather(1, order)], 1)
        windows = line.unfold(1, int(self.memory), 1)  # (B, T + 1, N, M)
        medians, deviations = _middle(windows, -1)
        newest = seen.is_seen.cumsum(1).long()
        median, deviation = medians.gather(1, newest), deviations.gather(1, newest)
        scale = floored(with_prior(deviation, seen.n, seen.prior), seen.x).log()
        before = torch.cat([state[3][:, None], median[:, :-1]], 1)
        scale_before = torch.cat([state[4][:, None], scale[:, :-1]], 1)
        places = newest[:, -1:] + torch.arange(int(self.memory), device=x.device)[:, None]
        ends = (median[:, -1].clone(), scale[:, -1].clone(), line.gather(1, places))
        return _reading(seen, median, scale, before, scale_before), (*count, *ends)


def _middle(values: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Median and mean absolute deviation along `dim`, NaN left out; 0 where there is nothing."""
    median = values.nanmedian(dim).values.nan_to_num(0.0)
    return median, (values - median.unsqueeze(dim)).abs().nanmean(dim).nan_to_num(0.0)


def _reading(
    seen: Seen, median: Tensor, log_scale: Tensor, before: Tensor, scale_before: Tensor
) -> Reading:
    unit = torch.exp(-log_scale)
    z = shown((seen.x - median) * unit)
    moved = shown((median - before) * unit)
    features = torch.cat([1 - seen.is_seen, z, log_scale - scale_before, moved], -1)
    return Reading(z * seen.is_seen, features, median, log_scale)

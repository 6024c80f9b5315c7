"""Units that follow a series: a location and a scale of each channel, from its past alone.

What was observed last is kept as it is, and the mean as its distance from that. So nothing large
is ever added up, and a series at a level of a million keeps the digits of its changes.

Dimensions: B batch, T time, N channels, F features of a channel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

_PRIOR_WEIGHT = 4.0
"""Values that the first scale, 1, counts for."""
_PRIOR_FADE = 0.7
"""What is left of that after each value. It fades faster than a mean forgets, so that the unit of
a series does not matter for long."""
_RELATIVE_FLOOR = 2.0**-20
"""Least scale of a series at level 1: a few times the spacing of float32."""
_FLOOR = 1e-6
_MOST_Z = 50.0
"""Largest value that a backbone is shown."""
_MOST_DISTANCE = 1e18
ALL = 2**20
"""Memory that stands for all values there were."""


class Count(NamedTuple):
    """What B sequences have in common, whatever their units: each `(B, N)` float32."""

    last: Tensor
    """The last observed value; 0 before the first."""
    n: Tensor
    """Observed values, the memory at most."""
    prior: Tensor
    """Weight of the first scale."""


class Seen(NamedTuple):
    """One step or all, `(..., N)`."""

    is_seen: Tensor
    """1 where a value was observed, 0 where it is missing."""
    x: Tensor
    """The value, or the last one that was observed."""
    change: Tensor
    """From the value before; 0 where it is missing."""
    share: Tensor
    """Weight of this value in a mean; 0 where it is missing."""
    n: Tensor
    """Values that a mean is over."""
    prior: Tensor


class Reading(NamedTuple):
    """What a scaler makes of the values up to a step."""

    z: Tensor
    """`(..., N)` the value in units of the series; 0 where it is missing."""
    features: Tensor
    """`(..., F N)` what else the backbone is told."""
    location: Tensor
    """`(..., N)`"""
    log_scale: Tensor
    """`(..., N)`"""


class Scaler(ABC):
    """Location and scale of N channels. It holds no parameters and no state."""

    n_features: int
    """F."""

    def __init__(self, n_channels: int, memory: int) -> None:
        self.n_channels = n_channels
        self.memory = float(memory or ALL)

    @abstractmethod
    def init_state(self, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """The memory of B sequences of which nothing is known."""

    @abstractmethod
    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """One value of each channel `(B, N)`, NaN where it is missing."""

    @abstractmethod
    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """All steps of `(B, T, N)` at once."""

    def _counted(self, batch: int, device: torch.device) -> Count:
        zero = torch.zeros(batch, self.n_channels, device=device)
        return Count(zero, zero.clone(), torch.full_like(zero, _PRIOR_WEIGHT))

    def _see(self, x: Tensor, count: Count) -> tuple[Seen, Count]:
        """The next value `(B, N)`."""
        is_missing = x.isnan()
        is_seen = 1 - is_missing.float()
        value = torch.where(is_missing, count.last, x)
        n = (count.n + is_seen).clamp(max=self.memory)
        prior = count.prior * (1 - (1 - _PRIOR_FADE) * is_seen)
        share = is_seen / n.clamp(min=1)
        return Seen(is_seen, value, value - count.last, share, n, prior), Count(value, n, prior)

    def _see_all(self, x: Tensor, count: Count) -> tuple[Seen, Count]:
        """All values `(B, T, N)`."""
        is_seen = 1 - x.isnan().float()
        value = observed(x, count.last)
        before = torch.cat([count.last[:, None], value[:, :-1]], 1)
        total = is_seen.cumsum(1)
        n = (count.n[:, None] + total).clamp(max=self.memory)
        prior = count.prior[:, None] * _PRIOR_FADE**total
        share = is_seen / n.clamp(min=1)
        seen = Seen(is_seen, value, value - before, share, n, prior)
        return seen, Count(value[:, -1].clone(), n[:, -1].clone(), prior[:, -1].clone())


def observed(x: Tensor, last: Tensor) -> Tensor:
    """`(B, T, N)` with the value before in place of a missing one; `last` `(B, N)` was before."""
    steps = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
    newest = torch.where(x.isnan(), 0, steps).cummax(1).values
    return torch.cat([last[:, None], x], 1).gather(1, newest)


def with_prior(mean: Tensor, n: Tensor, prior: Tensor) -> Tensor:
    """A mean over n values, and over the prior's share of a 1."""
    return (n * mean + prior) / (n + prior).clamp(min=_FLOOR)


def floored(scale: Tensor, x: Tensor) -> Tensor:
    """A scale that is no smaller than what float32 can tell apart near x."""
    return torch.maximum(scale, _FLOOR + _RELATIVE_FLOOR * x.abs())


def squared(distance: Tensor) -> Tensor:
    """Within what float32 can hold."""
    return distance.clamp(-_MOST_DISTANCE, _MOST_DISTANCE).square()


def shown(z: Tensor) -> Tensor:
    """Within what a backbone is shown."""
    return z.clamp(-_MOST_Z, _MOST_Z)


def recurrence(keep: Tensor, add: Tensor, start: Tensor) -> Tensor:
    """All h_t = keep_t h_{t-1} + add_t of `(B, T, N)`, from h `(B, N)` before them.

    By doubling (Hillis and Steele 1986): each value is a sum of sums, so its error grows with the
    logarithm of T.
    """
    add = torch.cat([add[:, :1] + keep[:, :1] * start[:, None], add[:, 1:]], 1)
    reach = 1
    while reach < add.shape[1]:
        further = add[:, reach:] + keep[:, reach:] * add[:, :-reach]
        add = torch.cat([add[:, :reach], further], 1)
        keep = torch.cat([keep[:, :reach], keep[:, reach:] * keep[:, :-reach]], 1)
        reach *= 2
    return add

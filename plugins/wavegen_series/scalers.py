"""The scalers: none, mean-absolute, standard and difference. `robust_scaler` has the other one.

Dimensions: B batch, T time, N channels.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from .model_config import ScalerName
from .robust_scaler import Robust
from .scaler import Count, Reading, Scaler, Seen, floored, recurrence, shown, squared, with_prior


@final
class Unscaled(Scaler):
    """The symbols as they are; a missing value counts as the last one."""

    n_features = 1

    def init_state(self, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """The last value."""
        return (torch.zeros(batch, self.n_channels, device=device),)

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """One value of each channel."""
        is_missing = x.isnan()
        value = torch.where(is_missing, state[0], x)
        return _unscaled(value, is_missing), (value,)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """All steps at once."""
        seen, _ = self._see_all(x, Count(state[0], state[0], state[0]))
        return _unscaled(seen.x, x.isnan()), (seen.x[:, -1].clone(),)


def _unscaled(value: Tensor, is_missing: Tensor) -> Reading:
    zero = torch.zeros_like(value)
    return Reading(value, is_missing.float(), zero, zero)


@final
class MeanAbsolute(Scaler):
    """Location 0, and the mean of absolute values (Salinas 2017, Ansari 2024)."""

    n_features = 3

    def init_state(self, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """What was counted, the mean, and the last log-scale."""
        count = self._counted(batch, device)
        return (*count, torch.zeros_like(count.last), torch.zeros_like(count.last))

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """One value of each channel."""
        seen, count = self._see(x, Count(*state[:3]))
        mean = state[3] + seen.share * (seen.x.abs() - state[3])
        scale = _log_scale(mean, seen)
        return _absolute(seen, scale, state[4]), (*count, mean, scale)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """All steps at once."""
        seen, count = self._see_all(x, Count(*state[:3]))
        mean = recurrence(1 - seen.share, seen.share * seen.x.abs(), state[3])
        scale = _log_scale(mean, seen)
        reading = _absolute(seen, scale, _before(scale, state[4]))
        return reading, (*count, mean[:, -1].clone(), scale[:, -1].clone())


def _absolute(seen: Seen, log_scale: Tensor, before: Tensor) -> Reading:
    z = shown(seen.x * torch.exp(-log_scale))
    features = torch.cat([1 - seen.is_seen, z, log_scale - before], -1)
    return Reading(z * seen.is_seen, features, torch.zeros_like(z), log_scale)


@final
class Standard(Scaler):
    """Mean and standard deviation."""

    n_features = 4

    def init_state(self, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """What was counted, mean minus last value, variance, and the last log-scale."""
        count = self._counted(batch, device)
        return (*count, *(torch.zeros_like(count.last) for _ in range(3)))

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """One value of each channel (Welford 1962, with the mean told from the last value)."""
        seen, count = self._see(x, Count(*state[:3]))
        away = state[3] - seen.change
        apart = (1 - seen.share) * away
        variance = (1 - seen.share) * (state[4] + seen.share * squared(away))
        scale = _log_deviation(variance, seen)
        return _standard(seen, away, apart, scale, state[5]), (*count, apart, variance, scale)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """All steps at once."""
        seen, count = self._see_all(x, Count(*state[:3]))
        keep = 1 - seen.share
        apart = recurrence(keep, -keep * seen.change, state[3])
        away = _before(apart, state[3]) - seen.change
        variance = recurrence(keep, keep * seen.share * squared(away), state[4])
        scale = _log_deviation(variance, seen)
        reading = _standard(seen, away, apart, scale, _before(scale, state[5]))
        ends = (apart[:, -1].clone(), variance[:, -1].clone(), scale[:, -1].clone())
        return reading, (*count, *ends)


def _log_deviation(variance: Tensor, seen: Seen) -> Tensor:
    return floored(with_prior(variance, seen.n, seen.prior).sqrt(), seen.x).log()


def _standard(
    seen: Seen, away: Tensor, apart: Tensor, log_scale: Tensor, before: Tensor
) -> Reading:
    """`away` is the mean before minus this value, `apart` the mean after it minus this value."""
    unit = torch.exp(-log_scale)
    z = shown(-apart * unit)
    moved = shown(-seen.share * away * unit)
    features = torch.cat([1 - seen.is_seen, z, log_scale - before, moved], -1)
    return Reading(z * seen.is_seen, features, seen.x + apart, log_scale)


@final
class Difference(Scaler):
    """The last value, and the mean of absolute changes: the backbone is shown changes."""

    n_features = 2

    def init_state(self, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """What was counted, the mean, and the last log-scale."""
        count = self._counted(batch, device)
        # The first value is no change yet: it has no weight, and the next one takes its place.
        count = count._replace(n=count.n - 1)
        return (*count, torch.zeros_like(count.last), torch.zeros_like(count.last))

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """One value of each channel."""
        seen, count = self._see(x, Count(*state[:3]))
        mean = state[3] + seen.share * (seen.change.abs() - state[3])
        scale = _log_scale(mean, _changes(seen))
        return _difference(seen, scale, state[4]), (*count, mean, scale)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Reading, tuple[Tensor, ...]]:
        """All steps at once."""
        seen, count = self._see_all(x, Count(*state[:3]))
        mean = recurrence(1 - seen.share, seen.share * seen.change.abs(), state[3])
        scale = _log_scale(mean, _changes(seen))
        reading = _difference(seen, scale, _before(scale, state[4]))
        return reading, (*count, mean[:, -1].clone(), scale[:, -1].clone())


def _changes(seen: Seen) -> Seen:
    return seen._replace(n=seen.n.clamp(min=0))


def _difference(seen: Seen, log_scale: Tensor, before: Tensor) -> Reading:
    z = shown(seen.change * torch.exp(-log_scale))
    features = torch.cat([1 - seen.is_seen, log_scale - before], -1)
    return Reading(z, features, seen.x, log_scale)


def _log_scale(mean: Tensor, seen: Seen) -> Tensor:
    return floored(with_prior(mean, seen.n, seen.prior), seen.x).log()


def _before(values: Tensor, start: Tensor) -> Tensor:
    """Each step's value before it `(B, T, N)`."""
    return torch.cat([start[:, None], values[:, :-1]], 1)


def scaler_of(name: ScalerName, n_channels: int, memory: int) -> Scaler:
    """The scaler of that name."""
    kinds: dict[ScalerName, type[Scaler]] = {
        "none": Unscaled,
        "mean-absolute": MeanAbsolute,
        "standard": Standard,
        "robust": Robust,
        "difference": Difference,
    }
    return kinds[name](n_channels, memory)

"""Linear: least squares from the last values to every step of the horizon at once.

Dimensions: S paths, H steps of the horizon, T steps, L lags, R rows of the regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wavegen.errors import ConfigError, DataError

from ..series import Numbers, Series
from .per_channel import (
    RECENT,
    Channel,
    PerChannel,
    channels,
    filled,
    normal_log_density,
    resolution,
)

_ENOUGH = 10
"""Rows for each lag from which on a series has weights of its own."""


@dataclass(frozen=True)
class _Weights:
    """One regression: its weights, an intercept last, and what it missed."""

    weights: Numbers
    """`(L + 1, H)`"""
    residuals: Numbers
    """`(R', H)`"""
    inflation: float
    """Of their variance: they are too small by the weights that were fitted."""

    @property
    def lags(self) -> int:
        return len(self.weights) - 1

    def of(self, past: Numbers) -> Numbers:
        """`(..., H)` after `(..., L)`."""
        return past @ self.weights[:-1] + self.weights[-1]


class Linear(PerChannel):
    """Ordinary least squares in closed form, direct: one regression for each step ahead.

    A series that is long enough has weights of its own; short ones share those of all that `fit`
    was given. Paths are the point forecast and what it missed whole windows of the past by. The
    density is normal, one step ahead. Gaps are filled with the value before them.
    """

    name = "linear"

    def __init__(self, lags: int = 20) -> None:
        """`lags` values are looked at, fewer where series are too short for that."""
        if lags < 1:
            raise ConfigError(f"lags is {lags}; it must be 1 or more")
        self._most = lags
        self._learnt: dict[tuple[str, int], Numbers] = {}
        self._solved: dict[tuple[tuple[str, int] | None, int], _Weights] = {}

    def fit(self, series: Sequence[Series]) -> None:
        """Keep them; they are solved when the horizon is known."""
        self._learnt = {
            channel.key: _told(channel.values) for each in series for channel in channels(each)
        }
        self._solved = {}

    def paths(
        self, channel: Channel, horizon: int, n_samples: int, rng: np.random.Generator
    ) -> Numbers:
        """See `PerChannel.paths`."""
        found = self._weights(channel, horizon)
        point = found.of(_last(_told(channel.values), found.lags))
        rows = rng.integers(len(found.residuals), size=n_samples // 2)
        half = found.residuals[rows] * np.sqrt(found.inflation)
        return point + np.concatenate([half, -half, np.zeros((n_samples % 2, horizon))])

    def density(self, channel: Channel, first: int) -> Numbers:
        """See `PerChannel.density`."""
        found = self._weights(channel, 1)
        x = filled(channel.values)
        before = np.concatenate([np.full(found.lags, np.nan), x])[: len(x) + found.lags - 1]
        point = found.of(np.lib.stride_tricks.sliding_window_view(before, found.lags))[first:, 0]
        spread = np.sqrt(np.mean(found.residuals**2) * found.inflation)
        least = resolution(np.where(np.isnan(point), 1.0, point))
        return normal_log_density(channel.values[first:] - point, np.maximum(spread, least))

    def _weights(self, channel: Channel, horizon: int) -> _Weights:
        if not self._learnt:
            raise ConfigError("the linear row has learnt nothing yet; call fit first")
        own = self._learnt.get(channel.key)
        long = own is not None and len(own) >= self._most * (_ENOUGH + 1) + horizon
        key = channel.key if long else None
        if (key, horizon) not in self._solved:
            data = [own] if own is not None and long else [*self._learnt.values()]
            found = _solve(data, self._most, horizon)
            kept = found.residuals[-RECENT if long else 0 :]
            self._solved[key, horizon] = replace(found, residuals=kept)
        return self._solved[key, horizon]


def _solve(data: Sequence[Numbers], most: int, horizon: int) -> _Weights:
    rows = {
        lags: sum(max(len(x) - lags - horizon + 1, 0) for x in data) for lags in range(1, most + 1)
    }
    # As many lags as there are a few rows for each, so that short series do not fit by heart.
    lags = max((lags for lags, n in rows.items() if n >= 3 * (lags + 1)), default=1)
    if not rows[1]:
        raise DataError(
            f"no series is long enough to learn {horizon} steps ahead; the longest has "
            f"{max(map(len, data))} steps: take a shorter horizon"
        )
    size = lags + horizon
    windows = np.concatenate(
        [np.lib.stride_tricks.sliding_window_view(x, size) for x in data if len(x) >= size]
    )
    past = np.concatenate([windows[:, :lags], np.ones((len(windows), 1))], axis=1)
    target = windows[:, lags:]
    # By singular values, because lags of a smooth series are all but dependent.
    weights = np.linalg.lstsq(past, target, rcond=None)[0].astype(np.float64)
    inflation = len(past) / max(len(past) - lags - 1, 1)
    return _Weights(weights, target - past @ weights, inflation)


def _told(values: Numbers) -> Numbers:
    """Without gaps: what is missing is the value before it; what comes before all values goes."""
    return filled(values)[int(np.argmax(~np.isnan(values))) :]


def _last(values: Numbers, lags: int) -> Numbers:
    """The last of them; a short series began with its first value."""
    return np.concatenate([np.full(max(lags - len(values), 0), values[0]), values[-lags:]])

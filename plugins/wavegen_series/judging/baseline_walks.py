"""Random walks: the last value (naive), with a drift, and with a volatility that changes (EWMA).

Dimensions: S paths, H steps of the horizon, T steps, K observed values (K - 1 changes).

A gap of g steps has g times the variance of one step. Source: Hyndman & Athanasopoulos 2021,
chapter 5; RiskMetrics 1996 for EWMA.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from ..series import Numbers
from .per_channel import Channel, PerChannel, mirrored, normal_log_density, recent_mean, resolution


class Moments(NamedTuple):
    """Entry k of each `(K,)` is what the first k changes tell of one step; NaN: not enough."""

    drift: Numbers
    variance: Numbers
    drift_variance: Numbers
    """How unsure the drift is."""


Rule = Callable[[Numbers, Numbers], Moments]
"""Of changes and the steps that each took, `(K - 1,)` both."""


class Naive(PerChannel):
    """The last value, with normal steps of the size of recent ones, all alike."""

    name = "naive"

    def paths(
        self, channel: Channel, horizon: int, n_samples: int, rng: np.random.Generator
    ) -> Numbers:
        """See `PerChannel.paths`."""
        return _walk(channel.values, horizon, n_samples, rng, _still)

    def density(self, channel: Channel, first: int) -> Numbers:
        """See `PerChannel.density`."""
        return _density(channel.values, _still)[first:]


class Drift(PerChannel):
    """The last value and the mean step so far, of which it knows how unsure that is."""

    name = "drift"

    def paths(
        self, channel: Channel, horizon: int, n_samples: int, rng: np.random.Generator
    ) -> Numbers:
        """See `PerChannel.paths`."""
        return _walk(channel.values, horizon, n_samples, rng, _drifting)

    def density(self, channel: Channel, first: int) -> Numbers:
        """See `PerChannel.density`."""
        return _density(channel.values, _drifting)[first:]


class Ewma(PerChannel):
    """The last value, with normal steps of the size of the latest: weights .94, .94^2, ...

    Steps are log returns as long as all values have been positive: a value that then is not has
    the density 0, of which the log is -inf.
    """

    name = "ewma"

    def paths(
        self, channel: Channel, horizon: int, n_samples: int, rng: np.random.Generator
    ) -> Numbers:
        """See `PerChannel.paths`."""
        x = channel.values
        if np.nanmin(x) > 0:
            return np.exp(_walk(np.log(x), horizon, n_samples, rng, _fading))
        return _walk(x, horizon, n_samples, rng, _fading)

    def density(self, channel: Channel, first: int) -> Numbers:
        """See `PerChannel.density`."""
        x = channel.values
        lowest = np.fmin.accumulate(x)
        positive = np.concatenate([[False], lowest[:-1] > 0])
        log = np.log(np.where(lowest > 0, x, np.nan))
        with_logs = np.where(x <= 0, -np.inf, _density(log, _fading) - log)
        return np.where(positive, with_logs, _density(x, _fading))[first:]


def _walk(
    x: Numbers, horizon: int, n_samples: int, rng: np.random.Generator, rule: Rule
) -> Numbers:
    """`(S, H)` from the last value that was observed, over what is missing after it."""
    at, value, moments = _moments(x, rule)
    drift, variance, drift_variance = (np.nan_to_num(each[-1]) for each in moments)
    least = resolution(value[-1:])
    elapsed = len(x) - 1 - at[-1] + np.arange(1, horizon + 1)
    steps = np.sqrt(np.diff(elapsed, prepend=0)) * np.maximum(np.sqrt(variance), least)
    noise = mirrored(rng, n_samples, horizon + 1)
    walk = np.cumsum(noise[:, 1:] * steps, axis=1)
    return value[-1] + walk + elapsed * (drift + np.sqrt(drift_variance) * noise[:, :1])


def _density(x: Numbers, rule: Rule) -> Numbers:
    """`(T,)` log density of each value given those before it; NaN where that cannot be told."""
    at, value, moments = _moments(x, rule)
    drift, variance, drift_variance = (each[:-1] for each in moments)
    gap = np.diff(at)
    spread = np.sqrt(gap * variance + gap**2 * drift_variance)
    spread = np.maximum(spread, resolution(value[:-1]))
    density = np.full(len(x), np.nan)
    density[at[1:]] = normal_log_density(np.diff(value) - gap * drift, spread)
    return density


def _moments(x: Numbers, rule: Rule) -> tuple[np.ndarray, Numbers, Moments]:
    """Where values were observed, which, and what is known before each and after the last."""
    at = np.flatnonzero(~np.isnan(x))
    value = x[at]
    return at, value, rule(np.diff(value), np.diff(at).astype(float))


def _still(change: Numbers, gap: Numbers) -> Moments:
    variance = _after_nothing(recent_mean(change**2 / gap))
    return Moments(variance * 0, variance, variance * 0)


def _drifting(change: Numbers, gap: Numbers) -> Moments:
    n = np.arange(1, len(change) + 1)
    time = np.cumsum(gap)
    drift = np.cumsum(change) / time
    # About the drift as it was known at each, which errs on the side of more; n - 1 as ever.
    variance = recent_mean((change - drift * gap) ** 2 / gap)
    variance = np.divide(variance * n, n - 1, out=variance * np.nan, where=n > 1)
    return Moments(*map(_after_nothing, (drift, variance, variance / time)))


def _fading(change: Numbers, gap: Numbers, keep: float = 0.94) -> Moments:
    total = [
        *accumulate(change**2 / gap, lambda old, new: keep * old + (1 - keep) * new, initial=0.0)
    ]
    weight = 1 - keep ** np.arange(1, len(change) + 1)
    variance = _after_nothing(np.array(total[1:]) / weight)
    return Moments(variance * 0, variance, variance * 0)


def _after_nothing(values: Numbers) -> Numbers:
    return np.concatenate([[np.nan], values])

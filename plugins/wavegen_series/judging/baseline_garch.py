"""GARCH(1,1) with Student's t: the volatility of returns as econometrics has it (optional).

Dimensions: S paths, H steps of the horizon, T steps, K observed values (K - 1 changes).

Source: Bollerslev 1987. The parameters are found by the package `arch`; the recursion is ours, so
that parameters learnt at one origin follow the series from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import lgamma, pi
from typing import NamedTuple

import numpy as np

from wavegen.errors import ConfigError, DataError

from ..series import Numbers, Series
from .per_channel import Channel, PerChannel, channels

_LEAST = 50
"""Changes below which five parameters cannot be told."""


class GarchParameters(NamedTuple):
    """Of the changes r(t) = mean + s(t) e(t), s(t)^2 = level + news (r - mean)^2 + memory s^2."""

    mean: float
    level: float
    news: float
    memory: float
    freedom: float
    """Of the Student t of e, which has variance 1; above 2."""
    start: float
    """The variance at the first change."""
    logs: bool
    """Whether changes are log returns: where all values that were learnt from are positive."""


class Garch(PerChannel):
    """GARCH(1,1)-t of log returns where values are positive, else of differences.

    Gaps are passed over: a return over a gap counts as one of a step. Where returns are logs, a
    value that is not positive has the log density -inf.
    """

    name = "garch"

    def __init__(self) -> None:
        """Nothing is learnt yet."""
        self._learnt: dict[tuple[str, int], GarchParameters] = {}

    def fit(self, series: Sequence[Series]) -> None:
        """Maximum likelihood by `arch`, for each channel of each series."""
        self._learnt = {
            channel.key: learn(channel) for each in series for channel in channels(each)
        }

    def paths(
        self, channel: Channel, horizon: int, n_samples: int, rng: np.random.Generator
    ) -> Numbers:
        """See `PerChannel.paths`."""
        known = self._of(channel)
        value = channel.values[~np.isnan(channel.values)]
        change = np.diff(_level(value, known, channel))
        variance = variances(change, known)[-1]
        walk = np.empty((n_samples, horizon))
        half = rng.standard_t(known.freedom, (n_samples // 2, horizon))
        noise = np.concatenate([half, -half, np.zeros((n_samples % 2, horizon))])
        noise *= np.sqrt((known.freedom - 2) / known.freedom)
        for step in range(horizon):
            away = np.sqrt(variance) * noise[:, step]
            walk[:, step] = known.mean + away
            variance = known.level + known.news * away**2 + known.memory * variance
        total = np.cumsum(walk, axis=1)
        return value[-1] * np.exp(total) if known.logs else value[-1] + total

    def density(self, channel: Channel, first: int) -> Numbers:
        """See `PerChannel.density`."""
        known = self._of(channel)
        x = channel.values
        at = np.flatnonzero(~np.isnan(x))
        value = x[at]
        out = np.full(len(x), np.nan)
        bad = np.flatnonzero(value <= 0)[:1] if known.logs else at[:0]
        end = int(bad[0]) if len(bad) else len(value)
        out[at[end:]] = -np.inf  # nothing can be told after a value that cannot be
        change = np.diff(np.log(value[:end]) if known.logs else value[:end])
        log_density = t_log_density(change - known.mean, variances(change, known)[:-1], known)
        jacobian = np.log(value[1:end]) if known.logs else 0.0
        out[at[1:end]] = log_density - jacobian
        return out[first:]

    def _of(self, channel: Channel) -> GarchParameters:
        if channel.key not in self._learnt:
            raise ConfigError(f"garch has not learnt series {channel.series!r}; call fit with it")
        return self._learnt[channel.key]


def variances(change: Numbers, known: GarchParameters) -> Numbers:
    """`(K,)` of each change given those before it, and of the one that comes next."""
    news = known.level + known.news * (change - known.mean) ** 2
    return np.array(
        [*accumulate(news, lambda old, new: new + known.memory * old, initial=known.start)]
    )


def t_log_density(error: Numbers, variance: Numbers, known: GarchParameters) -> Numbers:
    """Of Student's t with that variance, in nats."""
    v = known.freedom
    whole = lgamma((v + 1) / 2) - lgamma(v / 2) - 0.5 * np.log(pi * (v - 2) * variance)
    return whole - (v + 1) / 2 * np.log1p(error**2 / ((v - 2) * variance))


def learn(channel: Channel) -> GarchParameters:
    """Maximum likelihood. `ConfigError` without the package, `DataError` with too few changes."""
    try:
        from arch import arch_model  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ConfigError("the garch row needs the package arch: pip install arch") from None
    value = channel.values[~np.isnan(channel.values)]
    logs = bool((value > 0).all())
    change = np.diff(np.log(value) if logs else value)
    scale = change.std() if len(change) else 0.0
    if len(change) < _LEAST or not scale:
        raise DataError(
            f"series {channel.series!r}: garch needs {_LEAST} changes that are not all the same"
        )
    # Of unit size, where its optimiser is at its best.
    model = arch_model(change / scale, mean="Constant", p=1, q=1, dist="t", rescale=False)
    found = model.fit(disp="off", show_warning=False).params
    return GarchParameters(
        mean=float(found["mu"]) * scale,
        level=float(found["omega"]) * scale**2,
        news=float(found["alpha[1]"]),
        memory=float(found["beta[1]"]),
        freedom=float(found["nu"]),
        start=float(scale**2),
        logs=logs,
    )


def _level(value: Numbers, known: GarchParameters, channel: Channel) -> Numbers:
    if known.logs and (value <= 0).any():
        raise DataError(
            f"series {channel.series!r} was positive where garch learnt, and no longer is; learn "
            "anew at each origin (refit each)"
        )
    return np.log(value) if known.logs else value

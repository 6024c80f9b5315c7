"""Methods that take each channel of each series on its own: the simple ones that models must beat.

Dimensions: S paths, H steps of the horizon, T observed steps, N channels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from wavegen.errors import DataError

from ..forecast import Forecast
from ..method import Method
from ..series import Numbers, Series
from ..tables.times import future

RECENT = 250
"""Changes that say how large the next are: a trading year. All changes of a price that grew a
hundredfold would make any forecast of it look good beside them.
"""


@dataclass(frozen=True)
class Channel:
    """One channel of one series."""

    series: str
    number: int
    values: Numbers
    """`(T,)`, NaN where missing."""

    @property
    def key(self) -> tuple[str, int]:
        """What is learnt of it is kept under this."""
        return self.series, self.number


class PerChannel(Method):
    """Forecasts each channel on its own; its paths depend on no neighbour."""

    def forecast(
        self, contexts: Sequence[Series], horizon: int, n_samples: int, seed: int
    ) -> list[Forecast]:
        """As `Method.forecast` says. `DataError` where a channel has no value at all."""
        return [self._after(context, horizon, n_samples, seed) for context in contexts]

    def log_density(self, series: Series, first: int) -> Numbers | None:
        """As `Method.log_density` says; NaN also where too little came before to tell."""
        columns = [self.density(channel, first) for channel in channels(series)]
        return np.stack(columns, axis=1)

    @abstractmethod
    def paths(
        self, channel: Channel, horizon: int, n_samples: int, rng: np.random.Generator
    ) -> Numbers:
        """`(S, H)` after a channel that has a value."""

    @abstractmethod
    def density(self, channel: Channel, first: int) -> Numbers:
        """`(T - first,)` of `log_density`."""

    def _after(self, context: Series, horizon: int, n_samples: int, seed: int) -> Forecast:
        last = int(context.time[len(context) - 1].astype(np.int64)) if len(context) else 0
        drawn = []
        for channel in channels(context):
            if np.isnan(channel.values).all():
                name = context.names.channels[channel.number]
                raise DataError(f"series {context.name!r}: {name} has no value to go on from")
            # One origin's errors of drawing must not be those of the next.
            key = [seed, crc32(context.name.encode()), channel.number, last % 2**64]
            drawn.append(self.paths(channel, horizon, n_samples, np.random.default_rng(key)))
        return Forecast(context, future(context, horizon), np.stack(drawn, axis=2))


def channels(series: Series) -> list[Channel]:
    """Its channels, one by one."""
    return [Channel(series.name, i, column) for i, column in enumerate(series.values.T)]


def mirrored(rng: np.random.Generator, n: int, *shape: int) -> Numbers:
    """`(n, *shape)` standard normals, each with its negative, so that their mean is exactly 0.

    So the mean and the median of paths that are symmetric are the point forecast itself, not it
    and an error of drawing. An odd one out is zeros.
    """
    half = rng.standard_normal((n // 2, *shape))
    return np.concatenate([half, -half, np.zeros((n % 2, *shape))])


def filled(values: Numbers) -> Numbers:
    """`(T,)` with each missing value replaced by the last one before it; NaN before the first."""
    at = np.where(np.isnan(values), 0, np.arange(len(values)))
    return values[np.maximum.accumulate(at)]


def recent_mean(values: Numbers) -> Numbers:
    """`(n,)` the mean of each and those before it, of the last `RECENT` at most."""
    padded = np.concatenate([np.zeros(RECENT), values])
    sums = np.lib.stride_tricks.sliding_window_view(padded, RECENT)[1:].sum(axis=1)
    return sums / np.minimum(np.arange(1, len(values) + 1), RECENT)


def resolution(values: Numbers) -> Numbers:
    """The spacing of float32 numbers there: nothing that was recorded is surer than this."""
    return np.spacing(np.abs(values).astype(np.float32)).astype(np.float64)


def normal_log_density(error: Numbers, deviation: Numbers) -> Numbers:
    """Of a normal distribution, in nats."""
    return -0.5 * (error / deviation) ** 2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)

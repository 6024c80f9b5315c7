"""What a model is told of a series: its symbols, its conditions, and those of the steps to come.

Dimensions: T observed steps, H steps of the horizon, N channels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from wavegen.errors import ConfigError, DataError

from ..conditions import rows_of, static_of
from ..config import SeriesConfig
from ..series import Series
from ..tables.times import future
from ..units import symbols_of
from .paths import Told


def ahead(series: Series, horizon: int) -> Series:
    """The series with times, and known covariates where it has some, of H steps to come.

    Raises `DataError` where it cannot be forecast: it is empty, nothing is known, or covariates are
    missing.
    """
    n = len(series)
    if np.isnan(series.values).all():
        raise DataError(
            f"series {series.name!r}: {'has no steps' if n == 0 else 'all values are missing'}; a "
            "forecast needs some that are known"
        )
    told = max(0, len(series.time) - n)
    if series.names.known and told < horizon:
        raise DataError(
            f"series {series.name!r}: {', '.join(series.names.known)} are told {told} steps ahead, "
            f"and the horizon is {horizon}; give them for all of it (--future)"
        )
    time = future(series, horizon) if horizon else series.time[:0]
    return replace(
        series,
        time=np.concatenate([series.time[:n], time]),
        known=series.known[: n + horizon],
    )


def tell(series: Series, config: SeriesConfig) -> Told:
    """All of a series, the steps to come that it has times of included."""
    if (n := len(series.names.channels)) != config.n_channels:
        raise DataError(
            f"series {series.name!r} has {n} channels ({', '.join(series.names.channels)}), the "
            f"model {config.n_channels} ({', '.join(config.channels)})"
        )
    event = () if config.n_channels == 1 else (config.n_channels,)
    # Conditions are checked against the series even where there are none.
    rows = torch.from_numpy(rows_of(series, config))
    static = torch.from_numpy(static_of(series, config)) if config.static else None
    return Told(
        series.name,
        torch.from_numpy(symbols_of(series, config)).reshape(-1, *event),
        rows if config.cond_channels else None,
        static,
    )


def with_future(series: Series, known: Series) -> Series:
    """The series with its known covariates of the steps to come.

    `known` has them as its channels, with times that go on from those of the series; numbered
    steps may begin at 0 instead. Raises `ConfigError` where no row is of the future.
    """
    n = len(series)
    last = series.time[n - 1]
    time = known.time
    if time.dtype.kind != series.time.dtype.kind:
        raise ConfigError(
            f"series {series.name!r}: one of its times and those of the future are dates, the "
            "others numbers; give the future the same"
        )
    if time.dtype.kind == "i" and len(time) and time[0] == 0 and time[-1] <= last:
        time = last + 1 + time
    later = time > last
    if not later.any():
        raise ConfigError(
            f"series {series.name!r}: the future has no row after {last}; give the covariates of "
            "the steps to come"
        )
    return replace(
        series,
        time=np.concatenate([series.time[:n], time[later]]),
        known=np.concatenate([series.known[:n], known.values[later]]),
    )

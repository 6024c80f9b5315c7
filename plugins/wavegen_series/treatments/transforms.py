"""Classical treatments of a series, each causal and each with its inverse.

A row of a result depends on this row of the series and on those before it, never on a later one.

Dimensions: T steps, N channels.
"""

from __future__ import annotations

import numpy as np

from wavegen.errors import ConfigError, DataError

from ..series import Numbers


def moving_average(x: Numbers, width: int) -> Numbers:
    """The mean of the last `width` values `(T, N)`, missing ones left out; NaN where all are.

    Of the first values it is the mean of those there are.
    """
    _need_width(width)
    before = np.full((width - 1, *x.shape[1:]), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([before, x]), width, axis=0)
    there = ~np.isnan(windows)
    sums, counts = windows.sum(axis=-1, where=there), there.sum(axis=-1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def undo_moving_average(means: Numbers, width: int) -> Numbers:
    """The series `(T, N)` of which `means` are the moving average, where it misses no value."""
    _need_width(width)
    counts = np.minimum(np.arange(len(means)) + 1, width).reshape(-1, *[1] * (means.ndim - 1))
    sums = counts * means
    nothing = np.zeros((width, *means.shape[1:]))
    return undo_difference(np.diff(sums, axis=0, prepend=nothing[:1]), nothing)


def difference(x: Numbers, lag: int = 1) -> Numbers:
    """x(t) - x(t - lag) `(T - lag, N)`; 7 takes the weeks out of days."""
    if lag < 1:
        raise ConfigError(f"lag is {lag}; it must be 1 or more")
    return x[lag:] - x[: len(x) - lag] if lag < len(x) else x[:0]


def undo_difference(differences: Numbers, before: Numbers) -> Numbers:
    """The values `(T, N)` of which these are the differences, after the `lag` values `before`.

    It undoes forecasts of differences too: `before` are the last `lag` values that are known.
    """
    lag, n = len(before), len(differences)
    if lag < 1:
        raise ConfigError("differences are undone from the values before them; there is none")
    rows = -(-n // lag)
    padding = np.zeros((rows * lag - n, *differences.shape[1:]))
    steps = np.concatenate([differences, padding]).reshape(rows, *before.shape)
    return (before + np.cumsum(steps, axis=0)).reshape(-1, *before.shape[1:])[:n]


def log(x: Numbers) -> Numbers:
    """Natural logarithm `(T, N)`; `numpy.exp` undoes it. Raises `DataError` at 0 and below."""
    if (x <= 0).any():
        raise DataError(
            f"the least value is {np.nanmin(x):g}; a logarithm needs values above 0, so leave it "
            "out or shift the series"
        )
    return np.log(x)


def _need_width(width: int) -> None:
    if width < 1:
        raise ConfigError(f"width is {width}; it must be 1 or more")

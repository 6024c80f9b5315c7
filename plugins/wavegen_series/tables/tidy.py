"""Series and forecasts as columns of one tidy table, which files and frames are made of.

Dimensions: R rows of the table, T' times of a series, S paths, H steps of the horizon, N channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

from ..forecast import Forecast
from ..series import Numbers, Series

ID, TIME, CHANNEL, CUTOFF, MEAN = "unique_id", "ds", "channel", "cutoff", "mean"
TidyColumns = dict[str, npt.NDArray[Any]]
"""Arrays `(R,)` by name: text (object), times or numbers."""


def series_columns(series: Sequence[Series]) -> TidyColumns:
    """One row for each time of each series, with its covariates; in the future, values are NaN.

    Raises `DataError` where the series do not share their columns.
    """
    names = _shared({one.names for one in series}, "columns")
    columns = (*names.channels, *names.known, *names.past, *names.static)
    for name in (ID, TIME):
        if name in columns:
            raise DataError(f"a column of the series is called {name!r} itself; rename it")
    if len(set(columns)) < len(columns):
        raise DataError(
            f"two columns of the series share a name ({', '.join(columns)}); rename one"
        )
    blocks = [
        np.concatenate(
            [
                _long(one.values, len(one.time)),
                _long(one.known, len(one.time)),
                _long(one.past, len(one.time)),
                np.tile(one.static, (len(one.time), 1)),
            ],
            axis=1,
        )
        for one in series
    ]
    table = np.concatenate(blocks)
    return {
        ID: _repeated([(one.name, len(one.time)) for one in series]),
        TIME: _joined([one.time for one in series]),
        **{name: table[:, k] for k, name in enumerate(columns)},
    }


def forecast_columns(forecasts: Sequence[Forecast], *, cutoff: bool) -> TidyColumns:
    """One row for each series, time and channel: the mean and the quantiles `q10`, `q50`...

    With `cutoff`, each row says what the last observed time was. Raises `DataError` where the
    forecasts do not share their channels and levels.
    """
    channels = _shared({f.context.names.channels for f in forecasts}, "channels")
    levels = _shared({tuple(f.levels) for f in forecasts}, "levels")
    n = len(channels)
    columns: TidyColumns = {
        ID: _repeated([(f.context.name, len(f.time) * n) for f in forecasts]),
        TIME: _joined([np.repeat(f.time, n) for f in forecasts]),
    }
    if cutoff:
        last = [f.context.time[len(f.context) - 1] for f in forecasts]
        columns[CUTOFF] = _joined(
            [np.repeat(t, len(f.time) * n) for t, f in zip(last, forecasts, strict=True)]
        )
    if n > 1:
        steps = sum(len(f.time) for f in forecasts)
        columns[CHANNEL] = np.array(channels * steps, object)
    columns[MEAN] = np.concatenate([f.mean.ravel() for f in forecasts])
    for level in levels:
        values = [f.quantile(level).ravel() for f in forecasts]
        columns[quantile_name(level)] = np.concatenate(values)
    return columns


def quantile_name(level: float) -> str:
    """`q10` for 0.1, `q2.5` for 0.025."""
    return f"q{round(100 * level, 6):g}"


def _shared(kinds: set[Any], what: str) -> Any:
    if len(kinds) != 1:
        raise DataError(
            f"{len(kinds)} different sets of {what} do not go into one table; give series of one "
            "kind"
        )
    return kinds.pop()


def _long(block: Numbers, n: int) -> Numbers:
    """`(n, K)` with NaN after the end; K is 0 where there are no such columns."""
    if not block.size:
        return np.empty((n, 0))
    return np.concatenate([block, np.full((n - len(block), block.shape[1]), np.nan)])


def _repeated(names: Sequence[tuple[str, int]]) -> npt.NDArray[Any]:
    return np.repeat(np.array([name for name, _ in names], object), [count for _, count in names])


def _joined(times: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    if len({time.dtype.kind for time in times}) > 1:
        raise DataError("some series have dates and others numbered steps; write them apart")
    return np.concatenate(times)

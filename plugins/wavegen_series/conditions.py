"""What is known of a step before its value is: covariates, the calendar, gaps between steps.

Dimensions: T observed steps, T' with those of the future that something is known of, C condition
channels, K known and P past covariates, D static ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wavegen.errors import ConfigError, DataError

from .config import SeriesConfig
from .series import Series
from .tables.times import calendar

Rows = npt.NDArray[np.float32]


def rows_of(series: Series, config: SeriesConfig) -> Rows:
    """`(T', C)`: known covariates, the calendar, the gap before, and past covariates a step ago.

    Of past covariates the row of step t has the values of step t - 1 and which of them are told.
    Raises `DataError` where the series has other covariates than the config.
    """
    names = series.names
    if (names.known, names.past, names.static) != (config.known, config.past, config.static):
        raise DataError(
            f"series {series.name!r} has the covariates {_listed(names.known + names.past)}"
            f" and {_listed(names.static)} (static); this model was trained with "
            f"{_listed(config.known + config.past)} and {_listed(config.static)}"
        )
    n = len(series.time)
    parts = [np.empty((n, 0))]
    if config.known:
        parts.append(_standard(series.known, config, 0))
    if config.calendar:
        try:
            parts.append(calendar(series.time, config.calendar))
        except ConfigError as error:
            raise ConfigError(f"domain.calendar: {error}") from error
    if config.gaps:
        parts.append(_gaps(series, config.usual_step)[:, None])
    if config.past:
        before = np.full((n, len(config.past)), np.nan)
        count = min(len(series), n - 1)
        before[1 : 1 + count] = _standard(series.past, config, len(config.known))[:count]
        is_told = ~np.isnan(before)
        parts += [np.where(is_told, before, 0.0), is_told]
    return np.concatenate(parts, axis=1).astype(np.float32)


def static_of(series: Series, config: SeriesConfig) -> Rows:
    """`(D,)` static covariates."""
    return _standard(series.static, config, len(config.known) + len(config.past)).astype(np.float32)


def hide_past(rows: Rows, first: int, config: SeriesConfig) -> Rows:
    """The rows with past covariates not told from step `first` on, as in a horizon."""
    hidden, width = rows.copy(), 2 * len(config.past)
    hidden[first:, rows.shape[1] - width :] = 0
    return hidden


def _standard(values: npt.NDArray[np.float64], config: SeriesConfig, first: int) -> np.ndarray:
    """Columns that stand from place `first` on in `config.centre`, in standard units."""
    place = slice(first, first + values.shape[-1])
    return (values - np.array(config.centre[place])) / np.array(config.spread[place])


def _gaps(series: Series, usual: int) -> np.ndarray:
    """`(T')` log of the time since the step before, in usual steps; 0 at the first."""
    between = np.diff(series.time).astype(np.int64) / max(usual, 1)
    return np.concatenate([[0.0], np.log(between)])[: len(series.time)]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"

"""The border to pandas: frames in, frames out."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from wavegen.errors import ConfigError

from ..forecast import Forecast
from ..series import Series
from .columns import Columns
from .reading_columns import ArrayColumn, Column, Place, TextColumn
from .reading_layout import series_of
from .reading_table import Table, refuse_doubled, refuse_large
from .tidy import forecast_columns, series_columns

if TYPE_CHECKING:
    import pandas  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

_SOURCE = "the frame"


def from_pandas(frame: pandas.DataFrame, columns: Columns) -> list[Series]:
    """The series of a frame, long or wide, as `reading.read` finds them in files.

    An index of dates, and one that has a name, counts as columns. Rows in messages count from 0.
    Raises `DataError`.
    """
    pandas = _pandas()
    refuse_large(_SOURCE, *frame.shape)
    index = frame.index
    is_dates = isinstance(index, pandas.DatetimeIndex | pandas.PeriodIndex)
    if is_dates or any(name is not None for name in index.names):
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    refuse_doubled(_SOURCE, names)
    place = Place(_SOURCE, range(len(frame)))
    read = {name: _column(name, frame.iloc[:, k], place) for k, name in enumerate(names)}
    return series_of(Table(place, read, "series"), columns)


def to_pandas(series: Sequence[Series]) -> pandas.DataFrame:
    """Long format: unique_id, ds, channels and covariates; NaN is missing, and in the future."""
    return _pandas().DataFrame(series_columns(series))


def forecast_frame(forecasts: Sequence[Forecast], *, cutoff: bool = False) -> pandas.DataFrame:
    """One row a step and channel: unique_id, ds, channel where there are several, mean, q10...

    With `cutoff`, each row says what the last observed time was. Raises `DataError` where the
    forecasts are of different kinds.
    """
    return _pandas().DataFrame(forecast_columns(forecasts, cutoff=cutoff))


def _column(name: str, values: pandas.Series, place: Place) -> Column:
    pandas = _pandas()
    kind = values.dtype
    if isinstance(kind, pandas.DatetimeTZDtype):
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    elif isinstance(kind, pandas.PeriodDtype):
        values = values.dt.to_timestamp()
    missing = values.isna()
    if pandas.api.types.is_datetime64_dtype(values):
        return ArrayColumn(name, values.to_numpy(), place)
    if pandas.api.types.is_integer_dtype(kind) and not missing.any():
        return ArrayColumn(name, values.to_numpy(), place)
    if pandas.api.types.is_numeric_dtype(kind) and not pandas.api.types.is_complex_dtype(kind):
        return ArrayColumn(name, values.to_numpy(np.float64, na_value=np.nan), place)
    cells = ["" if gone else str(x).strip() for x, gone in zip(values, missing, strict=True)]
    return TextColumn(name, cells, place)


def _pandas() -> ModuleType:
    try:
        import pandas  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
    except ModuleNotFoundError as error:
        raise ConfigError("data frames need pandas; pip install 'wavegen[series]'") from error
    return pandas

"""Writes series and forecasts as CSV or Parquet: whole files, or none."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wavegen.atomic import write_file
from wavegen.errors import ConfigError

from ..forecast import Forecast
from ..series import Series
from .tidy import TidyColumns, forecast_columns, series_columns

SUFFIXES = (".csv", ".parquet")


def write_series(path: Path, series: Sequence[Series]) -> None:
    """Long format: unique_id, ds, channels and covariates; what is missing is empty.

    Raises `ConfigError` for another ending, `DataError` for series of different kinds.
    """
    write_table(path, series_columns(series))


def write_forecasts(path: Path, forecasts: Sequence[Forecast]) -> None:
    """One row a step and channel: unique_id, ds, channel where there are several, mean, quantiles.

    Raises `ConfigError` for another ending, `DataError` for forecasts of different kinds.
    """
    write_table(path, forecast_columns(forecasts, cutoff=False))


def write_table(path: Path, columns: TidyColumns) -> None:
    """Columns as they are. Raises `ConfigError` for another ending than CSV's and Parquet's."""
    ending = path.suffix.lower()
    if ending not in SUFFIXES:
        raise ConfigError(f"{path}: tables are written as {' or '.join(SUFFIXES)}")
    write_file(path, _csv(columns) if ending == ".csv" else _parquet(columns))


def _csv(columns: TidyColumns) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(_cells, columns.values()), strict=True))
    return text.getvalue().encode()


def _cells(column: npt.NDArray[Any]) -> list[Any]:
    """As they stand in a file: numbers with all digits that make them, dates as short as can be."""
    if column.dtype.kind == "M":
        days = column.astype("datetime64[D]")
        dates = days if (days == column).all() else column
        return [text.removesuffix(".000000000") for text in np.datetime_as_string(dates).tolist()]
    if column.dtype.kind == "f":
        return ["" if x != x else x for x in column.tolist()]
    return column.tolist()


def _parquet(columns: TidyColumns) -> bytes:
    try:
        import pyarrow  # pyright: ignore[reportMissingImports]
        from pyarrow import parquet  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        raise ConfigError("Parquet needs pyarrow; pip install 'wavegen[series]'") from error
    sink = pyarrow.BufferOutputStream()
    arrays = {name: pyarrow.array(column, from_pandas=True) for name, column in columns.items()}
    parquet.write_table(pyarrow.table(arrays), sink)
    return sink.getvalue().to_pybytes()

"""Reads files of series: CSV, Parquet and NumPy arrays, which nobody has vouched for."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

from ..series import Names, Series
from .columns import Columns
from .reading_csv import read_csv
from .reading_layout import series_of
from .reading_numpy import read_numpy
from .reading_parquet import read_parquet

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".parquet", ".npy")
MAX_BYTES = 512 * 2**20
"""Of a text table, unpacked."""


def read(source: Path, columns: Columns) -> list[Series]:
    """The series of one file, of two steps at least, as `read_rows` reads them."""
    return long_enough(read_rows(source, columns), f"{source}, ")


def read_rows(source: Path, columns: Columns) -> list[Series]:
    """The series of one file, by its ending. Raises `DataError` with what is wrong and the cure.

    Tables are long (a row belongs to the series that its id names), wide (each column of numbers
    is a series), or one column. Empty cells are missing values. Rows at the end in which all but
    the known covariates is empty are the future.
    """
    ending = source.name.lower()
    if not ending.endswith(SUFFIXES):
        raise DataError(f"{source}: give a file that ends in {', '.join(SUFFIXES)}")
    if not source.exists() or source.is_dir():
        what = "is a folder" if source.is_dir() else "does not exist"
        raise DataError(f"{source}: {what}; give a table such as a CSV file")
    if ending.endswith(".npy"):
        return read_numpy(source, columns.target)
    if ending.endswith(".parquet"):
        return series_of(read_parquet(source), columns)
    name = source.name[: -len(next(s for s in SUFFIXES if ending.endswith(s)))]
    return series_of(read_csv(_content(source), str(source), name), columns)


def long_enough(series: list[Series], where: str = "") -> list[Series]:
    """The same series. Raises `DataError` where one is too short to show how its times go on."""
    for each in series:
        if len(each) < 2:
            raise DataError(
                f"{where}series {each.name!r}: has one row of values; give two at least, or leave "
                "it out"
            )
    return series


def from_array(
    values: npt.ArrayLike, name: str = "series", channels: tuple[str, ...] = ()
) -> Series:
    """One series of values `(T,)` or `(T, N)` at times 0, 1, ...; NaN is missing.

    Raises `DataError` where it is no such array, or infinite, or all is missing.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise DataError(
            f"{name}: an array of {array.dtype} {array.shape} is no series; give numbers (T,) or "
            "(T, N)"
        )
    array = array.astype(np.float64)
    array = array[:, None] if array.ndim == 1 else array
    n = array.shape[1]
    channels = channels or (("y",) if n == 1 else tuple(f"y{k + 1}" for k in range(n)))
    if len(channels) != n:
        raise DataError(f"{name}: has {n} channels, not {len(channels)} ({', '.join(channels)})")
    if not len(array):
        raise DataError(f"{name}: has no rows; give two at least")
    if np.isnan(array).all():
        raise DataError(f"{name}: all values are missing; fill some or leave it out")
    return Series(name, np.arange(len(array)), array, names=Names(channels))


def _content(source: Path) -> bytes:
    """All bytes, unpacked, below the limit whatever the file says of itself."""
    try:
        with (
            gzip.open(source) if source.name.lower().endswith(".gz") else source.open("rb") as file
        ):
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{source}: cannot be read ({error})") from error
    if len(content) > MAX_BYTES:
        raise DataError(
            f"{source}: more than {MAX_BYTES // 2**20} MiB of text; write Parquet, or split it"
        )
    return content

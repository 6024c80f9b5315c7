"""Parquet tables, through pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wavegen.errors import ConfigError, DataError

from .reading_columns import ArrayColumn, Column, Place, TextColumn
from .reading_table import Table, refuse_doubled, refuse_large, unnamed

if TYPE_CHECKING:
    import pyarrow  # pyright: ignore[reportMissingImports]

_INDEX = "__index_level_0__"
"""What pandas calls an index without a name."""


def read_parquet(source: Path) -> Table:
    """Columns of numbers, dates and text; nested ones are left out. Raises `DataError`."""
    try:
        import pyarrow  # pyright: ignore[reportMissingImports]
        from pyarrow import parquet  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        raise ConfigError("Parquet needs pyarrow; pip install 'wavegen[series]'") from error
    try:
        with parquet.ParquetFile(source) as file:
            names = file.schema_arrow.names
            refuse_large(str(source), file.metadata.num_rows, len(names))
            table = file.read(use_threads=False)
    except (pyarrow.ArrowException, OSError) as error:
        why = str(error).partition("\n")[0]
        raise DataError(f"{source}: no readable Parquet file ({why})") from error
    refuse_doubled(str(source), names)
    place = Place(str(source), range(1, table.num_rows + 1))
    columns = {name: _column(name, table.column(name), place) for name in names}
    index = columns.pop(_INDEX, None)
    if index is not None and index.has_dates():
        columns = {unnamed(0): index, **columns}
    return Table(place, {k: v for k, v in columns.items() if v is not None}, source.stem)


def _column(name: str, array: pyarrow.ChunkedArray, place: Place) -> Column | None:
    import pyarrow  # pyright: ignore[reportMissingImports]

    kind = array.type
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    if pyarrow.types.is_timestamp(kind) or pyarrow.types.is_date(kind):
        unit = "s" if pyarrow.types.is_date(kind) else kind.unit
        dates = array.cast(pyarrow.timestamp(unit)).to_numpy()  # Arrow keeps zoned times in UTC
        return ArrayColumn(name, dates, place)
    if pyarrow.types.is_integer(kind) and not array.null_count:
        return ArrayColumn(name, array.cast(kind).to_numpy(), place)
    if pyarrow.types.is_boolean(kind):
        array = array.cast(pyarrow.int8())
    elif not any(
        check(kind)
        for check in (
            pyarrow.types.is_integer,
            pyarrow.types.is_floating,
            pyarrow.types.is_decimal,
            pyarrow.types.is_null,
        )
    ):
        if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
            return None
        cells = [cell.strip() if cell else "" for cell in array.to_pylist()]
        return TextColumn(name, cells, place)
    numbers = array.cast(pyarrow.float64()).to_numpy()
    return ArrayColumn(name, numbers.astype(np.float64), place)

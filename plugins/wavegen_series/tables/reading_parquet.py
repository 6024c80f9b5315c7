"""Parquet tables, through pyarrow."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from wavegen.errors import ConfigError, DataError

from .reading_columns import ArrayColumn, Column, Place, TextColumn
from .reading_table import Table, refuse_doubled, refuse_large, unnamed

if TYPE_CHECKING:
    import pyarrow  # pyright: ignore[reportMissingImports]

MAX_BYTES = 2**31
"""Of all columns, unpacked."""
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
        return _table(source, parquet)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise DataError(f"{source}: no readable Parquet file ({why})") from error


def _table(source: Path, parquet: ModuleType) -> Table:
    with parquet.ParquetFile(source) as file:
        schema, meta = file.schema_arrow, file.metadata
        refuse_large(str(source), meta.num_rows, len(schema.names))
        unpacked = sum(meta.row_group(k).total_byte_size for k in range(meta.num_row_groups))
        if unpacked > MAX_BYTES:
            raise DataError(f"{source}: unpacks to more than {MAX_BYTES // 2**20} MiB; split it")
        texts = [name for name in schema.names if _is_text(schema.field(name).type)]
    refuse_doubled(str(source), schema.names)
    # As dictionaries, texts that repeat cost nothing, however many rows claim them.
    table = parquet.ParquetFile(source, read_dictionary=texts).read(use_threads=False)
    place = Place(str(source), range(1, table.num_rows + 1))
    columns = {name: _column(name, table.column(name), place) for name in schema.names}
    index = columns.pop(_INDEX, None)
    if index is not None and index.has_dates():
        columns = {unnamed(0): index, **columns}
    return Table(place, {k: v for k, v in columns.items() if v is not None}, source.stem)


def _column(name: str, array: pyarrow.ChunkedArray, place: Place) -> Column | None:
    import pyarrow  # pyright: ignore[reportMissingImports]

    kind = array.type.value_type if pyarrow.types.is_dictionary(array.type) else array.type
    if _is_text(kind):
        return TextColumn(name, _cells(array), place)
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
        return None
    numbers = array.cast(pyarrow.float64()).to_numpy()
    return ArrayColumn(name, numbers.astype(np.float64), place)


def _cells(array: pyarrow.ChunkedArray) -> list[str]:
    """`(R,)` without spaces around them; equal ones of a chunk are one object."""
    import pyarrow  # pyright: ignore[reportMissingImports]

    if not pyarrow.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    cells = []
    for chunk in array.chunks:
        words = [word.strip() if word else "" for word in chunk.dictionary.to_pylist()]
        words.append("")  # what is missing
        cells += [words[k] for k in chunk.indices.fill_null(len(words) - 1).to_pylist()]
    return cells


def _is_text(kind: pyarrow.DataType) -> bool:
    import pyarrow  # pyright: ignore[reportMissingImports]

    return pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)

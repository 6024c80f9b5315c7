"""Text tables: which character parts the cells, which mark the fraction, is there a header?"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from wavegen.errors import DataError

from .reading_columns import Place, TextColumn
from .reading_dates import is_date
from .reading_numbers import is_missing, is_number
from .reading_table import MAX_CELLS, Table, refuse_doubled, refuse_large, unnamed

_DELIMITERS = "\t;|,"
"""The comma comes last: where another fits, commas part fractions off."""
_SAMPLE, _SAMPLE_LINES = 100 * 2**10, 50
"""Characters and lines that show the delimiter."""
_ONLY = "y"
"""What the one column of a file without a header is called."""


def read_csv(content: bytes, source: str, name: str) -> Table:
    """A table of text; `source` is for messages, `name` for its series. Raises `DataError`."""
    text = _text(content, source)
    delimiter = _delimiter(text)
    rows, lines = _rows(text, delimiter, source)
    if not rows:
        raise DataError(f"{source}: is empty; give a table of numbers")
    decimal = "," if delimiter != "," and _has_decimal_commas(rows) else "."
    names, first = _header(rows, decimal)
    place = Place(source, lines[first:])
    cells = list(zip(*rows[first:], strict=True))
    columns = [
        TextColumn(title or unnamed(k), column, place, decimal)
        for k, (title, column) in enumerate(zip(names, cells, strict=False))
        if title or any(column)  # a comma at the end of each line makes an empty column
    ]
    refuse_doubled(source, [column.name for column in columns])
    return Table(place, {column.name: column for column in columns}, name)


def _text(content: bytes, source: str) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source}: byte {error.start} is not {encoding.upper().removesuffix('-SIG')}; save "
            "the table as UTF-8"
        ) from error
    if "\0" in text:
        raise DataError(f"{source}: holds NUL bytes, so it is no text table; save it as CSV")
    return text


def _delimiter(text: str) -> str:
    """The first that parts most of the first lines like the very first; else a comma."""
    lines = text[:_SAMPLE].splitlines()
    if len(text) > _SAMPLE and len(lines) > 1:
        lines.pop()  # it is cut
    lines = [line for line in lines[:_SAMPLE_LINES] if line.strip()]
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            continue
        if widths and widths[0] > 1 and 2 * widths.count(widths[0]) > len(widths):
            return delimiter
    return ","


def _rows(text: str, delimiter: str, source: str) -> tuple[list[list[str]], list[int]]:
    """Stripped cells, and the number of the line on which each row ends."""
    rows, lines = [], []
    for row, line in _lines(text, delimiter, source):
        if not rows:
            refuse_large(source, 1, len(row))
        if rows and len(row) != len(rows[0]):
            raise DataError(
                f"{source}, row {line}: has {len(row)} cells, the first row {len(rows[0])}; give "
                f"all rows the same number, with quotes around text that holds {delimiter!r}"
            )
        if len(rows) * len(row) > MAX_CELLS:
            refuse_large(source, len(rows) + 1, len(row))
        rows.append(row)
        lines.append(line)
    return rows, lines


def _lines(text: str, delimiter: str, source: str) -> Iterator[tuple[list[str], int]]:
    """Rows that hold something; in a single column, an empty line is a missing value."""
    file = io.StringIO(text.rstrip("\r\n"), newline="")
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    width = 0
    try:
        for row in reader:
            cells = [cell.strip() for cell in row] or [""]
            if cells != [""] or width == 1:
                width = width or len(cells)
                yield cells, reader.line_num
    except csv.Error as error:
        raise DataError(
            f"{source}, row {reader.line_num}: no readable table ({error}); is a quote left open?"
        ) from error


def _has_decimal_commas(rows: list[list[str]]) -> bool:
    """Whether some cells are numbers with a comma and none is one with a point."""
    cells = [cell for row in rows for cell in row]
    commas = any("," in cell and is_number(cell, ",") for cell in cells)
    return commas and not any("." in cell and is_number(cell) for cell in cells)


def _header(rows: list[list[str]], decimal: str) -> tuple[list[str], int]:
    """The names of the columns, and the index of the first row of values."""
    first = rows[0]
    if all(is_missing(cell) or is_number(cell, decimal) or is_date(cell) for cell in first):
        return ([_ONLY] if len(first) == 1 else [""] * len(first)), 0
    return first, 1

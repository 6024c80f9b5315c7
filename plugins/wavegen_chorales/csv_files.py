"""Chorales as CSV, one row a sixteenth: `note0,note1,note2,note3`, 0 is a rest.

The form in which Geron's book (Hands-On Machine Learning, chapter 15) brings the JSB chorales. It
knows no attacks: equal neighbours are one note.

Dimensions: T steps.
"""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np

from wavegen.errors import DataError

from .grid import MAX_STEPS, REST, ChoraleGrid, Reading

COLUMNS = ("note0", "note1", "note2", "note3")
_REST = 0


def read_csv(content: bytes, name: str) -> Reading:
    """The four columns as soprano, alto, tenor, bass. Raises `DataError`."""
    return Reading(replace(ChoraleGrid.of(columns(content, name, COLUMNS)), source=name))


def columns(content: bytes, name: str, wanted: tuple[str, ...]) -> np.ndarray:
    """Pitches int8 `(T, len(wanted))`, -1 for a rest; columns that are no notes are let be."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
        rows = csv.DictReader(lines, strict=True)
        header = rows.fieldnames or ()
        missing = [column for column in wanted if column not in header]
        if missing:
            raise DataError(
                f"{name}: has no column {', '.join(missing)}; the first row is note0,note1,note2,"
                "note3, and each other row one sixteenth as MIDI numbers, 0 for a rest"
            )
        if "note4" in header:
            raise DataError(f"{name}: has a fifth voice, note4; a chorale has note0 to note3")
        cells = [[_pitch(row[column], name, rows.line_num) for column in wanted] for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name}: not a CSV table of notes ({error})") from error
    if not 0 < len(cells) <= MAX_STEPS:
        raise DataError(f"{name}: has {len(cells)} rows; 1 to {MAX_STEPS} are read")
    return np.array(cells, np.int8)


def _pitch(cell: str | None, name: str, line: int) -> int:
    number = int(cell) if cell and cell.isascii() and cell.isdecimal() and len(cell) < 4 else 128
    if number > 127:
        raise DataError(f"{name} line {line}: {cell!r} is no MIDI number (0 for a rest, 1 to 127)")
    return REST if number == _REST else number


def csv_bytes(grid: ChoraleGrid) -> bytes:
    """The table of a grid; attacks of repeated notes, and whatever else is known, are lost."""
    cells = np.where(grid.pitch == REST, _REST, grid.pitch)
    rows = [",".join(COLUMNS), *(",".join(map(str, row)) for row in cells.tolist())]
    return "\n".join([*rows, ""]).encode()

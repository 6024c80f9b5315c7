"""What the user names (a file, folder, glob or a data set's name) to series."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from wavegen.errors import DataError

from .datasets.catalogue import DATASETS, load
from .series import Series
from .tables.columns import Columns
from .tables.reading import SUFFIXES, read


def gather(sources: Sequence[str], columns: Columns) -> list[Series]:
    """All series that `sources` mean, source by source, their names made to differ.

    Raises `DataError` for a source that means none, or for series of different channels.
    """
    found: list[Series] = []
    for source in sources:
        found += _series_of(source, columns)
    for series in found:
        if series.names != found[0].names:
            raise DataError(
                f"series {series.name!r} has the columns {series.names}, {found[0].name!r} has "
                f"{found[0].names}; name those that they share (--domain.target)"
            )
    return found


def _series_of(source: str, columns: Columns) -> list[Series]:
    path = Path(source)
    if path.is_file():
        return read(path, columns)
    if path.is_dir():
        files = sorted(f for f in path.rglob("*") if f.name.lower().endswith(SUFFIXES))
    else:
        files = [Path(name) for name in sorted(glob.glob(source))]
    if files:
        return [series for file in files if file.is_file() for series in read(file, columns)]
    # A run knows its sources by their absolute paths.
    if path.name in DATASETS:
        return load(path.name, columns.target)
    raise DataError(
        f"{source}: no such file or data set; give a table ({', '.join(SUFFIXES)}), a folder of "
        "them, or a name that `wavegen series data` lists"
    )

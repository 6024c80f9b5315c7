"""A table as it was read, and how large one may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wavegen.errors import DataError

from .reading_columns import Column, Place

MAX_COLUMNS = 20_000
MAX_CELLS = 50_000_000


@dataclass(frozen=True)
class Table:
    """Columns of one length, by name, in their order."""

    place: Place
    columns: Mapping[str, Column]
    name: str
    """What its series is called where it holds one."""

    def __post_init__(self) -> None:
        """Refuse what holds nothing."""
        if not self.columns or not len(self.place.rows):
            raise DataError(f"{self.place.source}: holds no rows; give a table of numbers")


def unnamed(k: int) -> str:
    """What the column with the index `k` is called where it has no name."""
    return f"column {k + 1}"


def refuse_large(source: str, n_rows: int, n_columns: int) -> None:
    """Raise `DataError` beyond `MAX_COLUMNS` or `MAX_CELLS`."""
    if n_columns > MAX_COLUMNS:
        raise DataError(
            f"{source}: has {n_columns} columns; at most {MAX_COLUMNS} are read: turn it into long "
            "format (unique_id, ds, y), or split it"
        )
    if n_rows * n_columns > MAX_CELLS:
        raise DataError(
            f"{source}: has more than {MAX_CELLS} cells ({n_rows} rows of {n_columns}); split it"
        )


def refuse_doubled(source: str, names: Iterable[str]) -> None:
    """Raise `DataError` where two columns share a name."""
    for name, count in Counter(names).items():
        if count > 1:
            raise DataError(f"{source}: two columns are called {name!r}; rename one")

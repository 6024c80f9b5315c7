"""From a table to its series, in long or in wide format.

Dimensions: R rows, T observed steps, N channels, K known, P past and D static covariates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

from ..series import Names, Numbers, Series, Times
from .columns import Columns
from .reading_columns import Place
from .reading_roles import roles
from .reading_table import Table

Rows = npt.NDArray[np.int64]


def series_of(table: Table, columns: Columns) -> list[Series]:
    """The series of a table, in the order in which they begin. Raises `DataError`."""
    found = roles(table, columns)
    part = found.columns
    values = _matrix(table, part.target)
    whole = _Rows(
        table.place,
        table.columns[part.time].times() if part.time else None,
        values,
        _matrix(table, part.known),
        _matrix(table, part.past),
        _matrix(table, part.static),
        Names(part.target, part.known, part.past, part.static),
        bool(part.id),
    )
    if not found.is_wide:
        return [whole.series(name, rows) for name, rows in _groups(table, part.id)]
    one = replace(whole.names, channels=Names().channels)
    every = np.arange(len(values))
    return [
        replace(whole, values=values[:, [k]], names=one).series(name, every[_first(values[:, k]) :])
        for k, name in enumerate(part.target)
    ]


@dataclass(frozen=True)
class _Rows:
    """The rows of a table as arrays `(R,)` and `(R, ...)`."""

    place: Place
    time: Times | None
    values: Numbers
    known: Numbers
    past: Numbers
    static: Numbers
    names: Names
    is_parted: bool
    """Whether it is known which series a row belongs to."""

    def series(self, name: str, rows: Rows) -> Series:
        """The series of some rows, which are in order."""
        time = np.arange(len(rows)) if self.time is None else self.time[rows]
        self._refuse_disorder(name, rows, time)
        n = self._observed(rows)
        if not np.isfinite(self.values[rows[:n]]).any():
            raise DataError(
                f"{self.place.source}, series {name!r}: all values are missing; fill some or leave "
                "it out"
            )
        gaps = np.flatnonzero(np.isnan(self.known[rows]).any(axis=1))
        if len(gaps):
            raise DataError(
                f"{self.place.of(int(rows[gaps[0]]))}: {_words(self.names.known)} must be "
                "known in every row; fill the gap"
            )
        static = self.static[rows]
        other = np.flatnonzero((static != static[0]).any(axis=1))
        if len(other):
            raise DataError(
                f"{self.place.of(int(rows[other[0]]))}: {_words(self.names.static)} "
                f"must be there and stay the same in all rows of series {name!r}"
            )
        return Series(
            name,
            time,
            self.values[rows[:n]],
            self.known[rows] if self.names.known else np.empty((0, 0)),
            self.past[rows[:n]] if self.names.past else np.empty((0, 0)),
            static[0],
            self.names,
        )

    def _observed(self, rows: Rows) -> int:
        """How many rows are not the future: there, all but what is known ahead is missing."""
        told = ~np.isnan(np.concatenate([self.values[rows], self.past[rows]], axis=1))
        observed = np.flatnonzero(told.any(axis=1))
        return int(observed[-1]) + 1 if len(observed) else 0

    def _refuse_disorder(self, name: str, rows: Rows, time: Times) -> None:
        wrong = np.flatnonzero(np.diff(time.astype(np.int64)) <= 0)
        if not len(wrong):
            return
        k = int(wrong[0]) + 1
        where = f"{self.place.of(int(rows[k]))}: {_moment(time[k])}"
        apart = "" if self.is_parted else ", and name the id column if there are several series"
        if time[k] == time[k - 1]:
            raise DataError(f"{where} stands twice in series {name!r}; keep one row a time{apart}")
        raise DataError(
            f"{where} follows {_moment(time[k - 1])} in series {name!r}; sort the rows by time"
            f"{apart}"
        )


def _groups(table: Table, identity: str) -> Iterator[tuple[str, Rows]]:
    """The rows of each series, in their order."""
    if not identity:
        yield table.name, np.arange(len(table.place.rows))
        return
    words = table.columns[identity].words()
    if "" in words:
        raise DataError(
            f"{table.place.of(words.index(''))}: column {identity!r} is empty; say which series "
            "the row belongs to"
        )
    codes = {word: k for k, word in enumerate(dict.fromkeys(words))}
    code = np.array([codes[word] for word in words])
    order = np.argsort(code, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
    yield from zip(codes, groups, strict=True)


def _matrix(table: Table, names: Sequence[str]) -> Numbers:
    """`(R, len(names))`."""
    columns = [table.columns[name].numbers() for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((len(table.place.rows), 0))


def _first(values: Numbers) -> int:
    """In a wide table, a series that begins later than others has empty cells before it."""
    return int(np.argmax(~np.isnan(values)))


def _moment(time: np.datetime64 | np.int64) -> str:
    return str(time).removesuffix(".000000000").removesuffix("T00:00:00")


def _words(names: Sequence[str]) -> str:
    return f"column {names[0]!r}" if len(names) == 1 else f"columns {', '.join(names)}"

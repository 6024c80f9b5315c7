"""Finds which column of a table plays which part."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from wavegen.errors import DataError

from .columns import Columns
from .reading_table import Table, unnamed

IDS = ("unique_id", "item_id", "series_id", "id", "symbol", "ticker")
TIMES = ("ds", "timestamp", "date", "datetime", "time", "index", "step", "year")
TARGETS = ("y", "target", "value", "values")


@dataclass(frozen=True)
class Roles:
    """What was found."""

    columns: Columns
    """Names that are there; id and time are empty where the table has none."""
    is_wide: bool
    """Whether each target is a series of its own."""


def roles(table: Table, columns: Columns) -> Roles:
    """Which column is what.

    Raises `DataError` where a name is not there, or where it is not plain what the target is.
    """
    named = (columns.id, columns.time, *columns.target, *columns.known, *columns.past)
    _refuse_unknown(table, (*named, *columns.static))
    taken = {*named, *columns.static}
    time = columns.time or _usual(table, TIMES, taken) or _first_dates(table, taken)
    taken |= {time}
    identity = columns.id or _usual(table, IDS, taken)
    taken |= {identity}
    usual = _usual(table, TARGETS, taken)
    target = columns.target or ((usual,) if usual else _rest(table, taken, identity))
    is_wide = not (identity or columns.target or usual)
    return Roles(replace(columns, id=identity, time=time, target=target), is_wide)


def _refuse_unknown(table: Table, names: Iterable[str]) -> None:
    for name in names:
        if name and name not in table.columns:
            near = difflib.get_close_matches(name, table.columns, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise DataError(
                f"{table.place.source}: has no column {name!r}; {hint}there are "
                f"{_listed(table.columns)}"
            )


def _usual(table: Table, usual: tuple[str, ...], taken: set[str]) -> str:
    """The first of the usual names that a column has, in any case."""
    lower = {name.lower(): name for name in table.columns if name not in taken}
    return next((lower[name] for name in usual if name in lower), "")


def _first_dates(table: Table, taken: set[str]) -> str:
    """The first column, where it has dates or is the unnamed count of rows that pandas writes."""
    name, column = next(iter(table.columns.items()))
    if name in taken or len(table.columns) == 1:
        return ""
    names = list(table.columns)
    counts = name == unnamed(0) and names[1:] != [unnamed(k) for k in range(1, len(names))]
    return name if column.has_dates() or counts else ""


def _rest(table: Table, taken: set[str], identity: str) -> tuple[str, ...]:
    """All columns of numbers that are left: one target, or as many series."""
    rest = tuple(
        name for name, column in table.columns.items() if name not in taken and column.has_numbers()
    )
    if not rest:
        raise DataError(
            f"{table.place.source}: no column of numbers; there are {_listed(table.columns)}"
        )
    if identity and len(rest) > 1:
        raise DataError(
            f"{table.place.source}: which of {_listed(rest)} is the target? Name it as "
            "target, and others as known, past or static where they should be used"
        )
    return rest


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")

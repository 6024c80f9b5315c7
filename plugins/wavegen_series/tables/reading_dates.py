"""Dates as text: ISO 8601, day and month first where that is plain, and whole numbers.

Dimensions: R rows, U different cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..series import Times

_CLOCK = r"(?:[T ]+(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?"
_ZONE = r"\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?"
_YEAR_FIRST = re.compile(
    r"(\d{4})(?:([-/.])(\d{1,2})(?:\2(\d{1,2}))?|()(\d\d)(\d\d))" + _CLOCK + _ZONE, re.ASCII
)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})" + _CLOCK + _ZONE, re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1678, 2261  # what 64 bits of nanoseconds hold
_CURE = "; write dates like 2024-01-31 or 2024-01-31T13:45:00Z, or number the steps"


def is_date(cell: str) -> bool:
    """Whether a cell looks like a date. Four digits alone may be a number as well."""
    return bool(_YEAR_FIRST.fullmatch(cell) or _YEAR_LAST.fullmatch(cell))


def dates(cells: Sequence[str]) -> Times:
    """`(R,)` dates in UTC, or whole numbers where all cells are such and not all are YYYYMMDD.

    Raises `ValueError(index, why)`.
    """
    unique = {cell: k for k, cell in enumerate(dict.fromkeys(cells))}
    try:
        times = _dates(list(unique))
    except ValueError as error:
        bad, why = error.args
        raise ValueError(cells.index(bad), why) from error
    return times[[unique[cell] for cell in cells]]


def nanoseconds(array: npt.NDArray[Any]) -> npt.NDArray[np.datetime64]:
    """Dates of any unit as `datetime64[ns]`; NaT where nanoseconds cannot hold them."""
    years = array.astype("datetime64[Y]").astype(np.int64) + 1970
    held = (years >= _FIRST_YEAR) & (years <= _LAST_YEAR)
    return np.where(held, array, np.datetime64("NaT")).astype("datetime64[ns]")


def _dates(cells: list[str]) -> Times:
    if all(_WHOLE.fullmatch(cell) for cell in cells):
        if not all(len(cell) == 8 for cell in cells):
            return np.array([int(cell.partition(".")[0]) for cell in cells], np.int64)
        try:
            return _moments(cells, [_year_first(cell) for cell in cells])
        except ValueError:
            return np.array([int(cell) for cell in cells], np.int64)
    if _YEAR_LAST.fullmatch(cells[0]):
        return _moments(cells, _year_last(cells))
    return _moments(cells, [_year_first(cell) for cell in cells])


def _year_first(cell: str) -> tuple[str | None, ...]:
    """year, month, day, hour, minute, second, fraction, zone."""
    match = _YEAR_FIRST.fullmatch(cell)
    if match is None:
        raise ValueError(cell, f"is no date{_CURE}")
    year, _, month, day, _, month_, day_, *clock = match.groups()
    return (year, month or month_, day or day_ or "1", *clock)


def _year_last(cells: list[str]) -> list[tuple[str | None, ...]]:
    """The same, once the whole column shows which number is the day."""
    matches = [_YEAR_LAST.fullmatch(cell) for cell in cells]
    parts = [match.groups() for match in matches if match]
    if len(parts) < len(cells):
        raise ValueError(cells[matches.index(None)], f"is no date like {cells[0]!r}{_CURE}")
    first_is_day = any(int(p[0]) > 12 for p in parts) or all(p[1] == "." for p in parts)
    second_is_day = any(int(p[2]) > 12 for p in parts)
    if first_is_day == second_is_day:
        which = "both" if first_is_day else "either"
        raise ValueError(cells[0], f"and its column leave {which} number to be the day{_CURE}")
    order = (3, 2, 0) if first_is_day else (3, 0, 2)
    return [(*(p[k] for k in order), *p[4:]) for p in parts]


def _moments(cells: list[str], parts: list[tuple[str | None, ...]]) -> Times:
    """`(U,)` from the parts of each cell, checked."""
    zoned = [p[7] is not None for p in parts]
    if any(zoned) and not all(zoned):
        odd = cells[zoned.index(not zoned[0])]
        has = "has a time zone" if zoned[0] is False else "has no time zone"
        raise ValueError(odd, f"{has}, unlike the rows before; give all rows one, or none")
    year, month, day, hour, minute, second = (
        np.array([int(p[k] or 0) for p in parts], np.int64) for k in range(6)
    )
    fraction = np.array([int((p[6] or "").ljust(9, "0")) for p in parts], np.int64)
    offset = np.array([_minutes(p[7] or "Z") for p in parts], np.int64)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    moment = months.astype("datetime64[D]") + (day - 1)
    real = (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12)
    real &= (moment.astype("datetime64[M]") == months) & (hour < 24) & (minute < 60) & (second < 60)
    if not real.all():
        raise ValueError(
            cells[int(np.argmin(real))],
            f"is no date from {_FIRST_YEAR} to {_LAST_YEAR}{_CURE}",
        )
    seconds = ((hour * 60 + minute - offset) * 60 + second).astype("timedelta64[s]")
    return moment.astype("datetime64[ns]") + seconds + fraction.astype("timedelta64[ns]")


def _minutes(zone: str) -> int:
    """The offset east of UTC."""
    if zone in ("Z", "UTC"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 60 + int(digits[2:]))

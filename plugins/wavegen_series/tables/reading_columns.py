"""Columns of text, of numbers and of dates, which know where their rows stand.

Dimensions: R rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

from ..series import Numbers, Times
from .reading_dates import dates, is_date, nanoseconds
from .reading_numbers import is_missing, is_number, numbers

_LOOKED_AT = 1_000
"""Cells that show what a column of text holds."""


@dataclass(frozen=True)
class Place:
    """Where rows stand, for messages."""

    source: str
    rows: Sequence[int]
    """`(R,)` the number of each row, as the reader of the message counts."""

    def of(self, row: int) -> str:
        """One row, by its index here."""
        return f"{self.source}, row {self.rows[row]}"


class Column(ABC):
    """One column. Everything raises `DataError` with the row and the value."""

    @abstractmethod
    def numbers(self) -> Numbers:
        """`(R,)` finite, or NaN for what is missing."""

    @abstractmethod
    def times(self) -> Times:
        """`(R,)` dates in UTC or whole numbers, in any order."""

    @abstractmethod
    def words(self) -> list[str]:
        """`(R,)` as text; what is missing is empty."""

    @abstractmethod
    def has_numbers(self) -> bool:
        """Whether this looks like a column of numbers."""

    @abstractmethod
    def has_dates(self) -> bool:
        """Whether this looks like a column of dates."""


@final
@dataclass(frozen=True)
class TextColumn(Column):
    """Cells of a text file, without spaces around them."""

    name: str
    cells: list[str] | tuple[str, ...]
    place: Place
    decimal: str = "."
    """What parts the fraction off: a point, or a comma where cells are not parted by commas."""

    def numbers(self) -> Numbers:
        """Each cell read as a number."""
        try:
            return numbers(self.cells, self.decimal)
        except ValueError as error:
            row = error.args[0]
            what = f"{self.place.of(row)}, column {self.name!r}: {_short(self.cells[row])}"
            raise DataError(
                f"{what} is no finite number; write it like -1234{self.decimal}5, or leave the "
                "cell empty where it is missing"
            ) from error

    def times(self) -> Times:
        """Each cell read as a date or as a whole number."""
        try:
            return dates(self.cells)
        except ValueError as error:
            row, why = error.args
            what = f"{self.place.of(row)}, column {self.name!r}: {_short(self.cells[row])}"
            raise DataError(f"{what} {why}") from error

    def words(self) -> list[str]:
        """The cells; NA may be Namibia here."""
        return list(self.cells)

    def has_numbers(self) -> bool:
        """Whether any of the first cells is a number: the others are then mistakes to tell of."""
        return any(is_number(cell, self.decimal) for cell in self._first())

    def has_dates(self) -> bool:
        """Whether the first cell is a date."""
        first = self._first()
        if not first or not is_date(first[0]):
            return False
        return not is_number(first[0], self.decimal) or dates(first[:1]).dtype.kind == "M"

    def _first(self) -> list[str]:
        return [cell for cell in self.cells[:_LOOKED_AT] if not is_missing(cell)]


@final
@dataclass(frozen=True)
class ArrayColumn(Column):
    """Values that came with a type: numbers, truth values or dates."""

    name: str
    array: npt.NDArray[Any]
    place: Place

    def numbers(self) -> Numbers:
        """The values as float64."""
        if not self.has_numbers():
            raise DataError(f"{self.place.source}: column {self.name!r} holds dates, not numbers")
        values = self.array.astype(np.float64)
        if np.isinf(values).any():
            row = int(np.argmax(np.isinf(values)))
            raise DataError(
                f"{self.place.of(row)}, column {self.name!r}: {values[row]} is no finite number; "
                "leave it empty or mend it"
            )
        return values

    def times(self) -> Times:
        """Dates as nanoseconds, whole numbers as int64."""
        if self.has_dates():
            times = nanoseconds(self.array)
            good = ~np.isnat(times)
        else:
            with np.errstate(invalid="ignore"):  # NaN equals no number
                times = self.array.astype(np.int64)
            good = times == self.array
        if not good.all():
            row = int(np.argmin(good))
            raise DataError(
                f"{self.place.of(row)}, column {self.name!r}: {self.array[row]} is no time; give "
                "each row a whole number, or a date from 1678 to 2261"
            )
        return times

    def words(self) -> list[str]:
        """The values as text, whole numbers without a point."""
        if self.array.dtype.kind == "f":
            return [f"{x:.17g}" if x == x else "" for x in self.array.tolist()]
        return [str(x) for x in self.array]

    def has_numbers(self) -> bool:
        """By the type."""
        return self.array.dtype.kind in "biuf"

    def has_dates(self) -> bool:
        """By the type."""
        return self.array.dtype.kind == "M"


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")

"""A series: numbers at times, and what is known beside them.

Dimensions: T observed steps, T' = T + steps of the future that something is known of, N channels,
K known-future covariates, P past-only covariates, D static covariates.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

Numbers = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64] | npt.NDArray[np.int64]


@dataclass(frozen=True)
class Names:
    """What the columns are called; the same for all series of a model."""

    channels: tuple[str, ...] = ("y",)
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """One series. NaN is a value that is missing; infinite values are refused."""

    name: str
    time: Times
    """`(T',)` strictly increasing: dates (`datetime64[ns]`) or whole numbers (int64)."""
    values: Numbers
    """`(T, N)`; the rows of `time` after them are the future."""
    known: Numbers = field(default_factory=lambda: np.empty((0, 0)))
    """`(T', K)` what is known ahead, such as prices that were announced; no NaN."""
    past: Numbers = field(default_factory=lambda: np.empty((0, 0)))
    """`(T, P)` what is known up to now only."""
    static: Numbers = field(default_factory=lambda: np.empty(0))
    """`(D,)` what holds for the whole series; no NaN."""
    names: Names = Names()

    def __post_init__(self) -> None:
        """Refuse what is no series."""
        n, whole = len(self.values), len(self.time)
        for name, array, shape in (
            ("values", self.values, (n, len(self.names.channels))),
            ("known", self.known, (whole if self.names.known else 0, len(self.names.known))),
            ("past", self.past, (n if self.names.past else 0, len(self.names.past))),
            ("static", self.static, (len(self.names.static),)),
        ):
            if array.shape != shape:
                raise ValueError(f"{name} of {self.name!r} is {array.shape}, not {shape}")
            if np.isinf(array).any():
                raise DataError(
                    f"series {self.name!r}: {name} has infinite values; leave them empty or mend "
                    "them"
                )
        if n > whole:
            raise ValueError(f"series {self.name!r} has {n} values at {whole} times")
        for name, array in (("known", self.known), ("static", self.static)):
            if np.isnan(array).any():
                raise DataError(f"series {self.name!r}: {name} covariates have gaps; fill them")
        rises = np.diff(self.time).astype(np.int64) > 0
        if not rises.all():
            row = int(np.argmin(rises)) + 1
            raise DataError(
                f"series {self.name!r}: time {self.time[row]} follows {self.time[row - 1]}; times "
                "must increase, so sort the rows and drop doubles"
            )

    def __len__(self) -> int:
        """Observed steps T."""
        return len(self.values)

    def until(self, n: int, horizon: int = 0) -> Series:
        """The first n observed steps, and of `horizon` more what is known ahead."""
        return replace(
            self,
            time=self.time[: n + horizon],
            values=self.values[:n],
            known=self.known[: n + horizon],
            past=self.past[:n],
        )

"""The settings of the series domain. Importing this imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from wavegen.config import option
from wavegen.errors import ConfigError
from wavegen.splitting import percent_checks

from .tables.columns import Columns
from .tables.times import CALENDAR

HeadName = Literal[
    "auto", "mu-law", "uniform", "quantile", "student-t", "logistics", "gaussian", "point"
]


@dataclass(frozen=True)
class SeriesConfig:
    """How series become symbols; a checkpoint stores it with what was found in the data."""

    id: str = option("", "column that says which series a row belongs to; empty: find it")
    time: str = option("", "column of dates or whole numbers; empty: find it")
    target: tuple[str, ...] = option((), "columns to forecast; several are channels of one series")
    known: tuple[str, ...] = option((), "columns that are known ahead, such as prices announced")
    past: tuple[str, ...] = option((), "columns that are known up to the present only")
    static: tuple[str, ...] = option((), "columns that hold for a whole series")
    calendar: tuple[str, ...] = option(
        (), f"what to tell of dates: some of {', '.join(CALENDAR)}; empty is nothing"
    )
    gaps: bool = option(False, "tell how long after the step before each step comes")
    transform: Literal["none", "log"] = option(
        "none", "log: of values above 0; with the scaler difference that is log returns"
    )
    head: HeadName = option(  # noqa: RUF009 - it is a field, made by dataclasses.field
        "auto",
        "distribution of the next value: 256 bins (mu-law, uniform, quantile), student-t, "
        "logistics, gaussian; point: the next `horizon` values as numbers; auto chooses",
    )
    bins: int = option(256, "bins of the heads mu-law, uniform and quantile")
    limit: float = option(6.0, "the outermost bins end at this many scales of the series")
    horizon: int = option(0, "values that the head point forecasts at once")
    loss: Literal["squared", "absolute"] = option("squared", "what the head point learns by")
    scored: Literal["all", "last"] = option(
        "all", "under head point: forecasts of all steps, or of the last possible one only"
    )
    split: Literal["auto", "time", "series"] = option(
        "auto", "hold out the end of each series (time), or whole series; auto: by their number"
    )
    valid_percent: float = option(10.0, "share held out for validation")
    test_percent: float = option(10.0, "share held out for the final test")
    seed: int = option(0, "another number splits and hides differently")
    offset: tuple[float, ...] = option((), "0 of a symbol in units of the data; empty: find it")
    unit: tuple[float, ...] = option((), "1 of a symbol in units of the data; empty: find it")
    channels: tuple[str, ...] = option((), "names of the channels; found")
    edges: tuple[float, ...] = option((), "edges of the bins under head quantile; found")
    centre: tuple[float, ...] = option((), "mean of known, past and static columns; found")
    spread: tuple[float, ...] = option((), "deviation of known, past and static columns; found")
    dated: bool = option(False, "whether times are dates; found")
    usual_step: int = option(0, "usual time between two steps, in ns or whole numbers; found")

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        columns = [self.id, self.time, *self.target, *self.known, *self.past, *self.static]
        named = [name for name in columns if name]
        n, n_beside = self.n_channels, len(self.known) + len(self.past) + len(self.static)
        is_point = self.head == "point"
        checks = {
            "calendar": (
                set(CALENDAR).issuperset(self.calendar)
                and len(set(self.calendar)) == len(self.calendar),
                f"some of {', '.join(CALENDAR)}, each once",
            ),
            "target": (len(set(named)) == len(named), "columns of which each has one role"),
            "bins": (2 <= self.bins <= 65_536, "2 to 65536"),
            "limit": (0 < self.limit <= 1000, "above 0, at most 1000"),
            "horizon": (
                1 <= self.horizon <= 65_536 if is_point else self.horizon == 0,
                "1 to 65536"
                if is_point
                else "0 with every other head than point: they forecast any horizon",
            ),
            "head": (not is_point or n == 1, "another: point forecasts one channel"),
            "seed": (self.seed >= 0, "0 or above"),
            "unit": (
                all(0 < unit < math.inf for unit in self.unit)
                and len(self.unit) in (0, n)
                and len(self.unit) == len(self.offset),
                "above 0, one for each target, as many as offsets",
            ),
            "spread": (
                len(self.spread) in (0, n_beside)
                and len(self.spread) == len(self.centre)
                and all(value > 0 for value in self.spread),
                "one number above 0 for each known, past and static column, as found",
            ),
            "usual_step": (self.usual_step >= 0, "0 or above"),
            **percent_checks(self.valid_percent, self.test_percent),
        }
        for name, (good, allowed) in checks.items():
            if not good:
                raise ConfigError(f"domain.{name} is {getattr(self, name)!r}; it must be {allowed}")

    @property
    def n_channels(self) -> int:
        """N."""
        return max(1, len(self.channels or self.target))

    @property
    def columns(self) -> Columns:
        """What was said of the columns of a table."""
        return Columns(self.id, self.time, self.target, self.known, self.past, self.static)

    @property
    def cond_channels(self) -> int:
        """C: of known covariates and the calendar, of gaps, and two of each past covariate."""
        return len(self.known) + 2 * len(self.calendar) + self.gaps + 2 * len(self.past)

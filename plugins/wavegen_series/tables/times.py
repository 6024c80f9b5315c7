"""Times: what comes after those of a series, and what the calendar says of them.

Dimensions: T steps, H steps of the horizon, F features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, final

import numpy as np
import numpy.typing as npt

from wavegen.errors import ConfigError, DataError

from ..series import Numbers, Series, Times

CALENDAR = ("hour", "weekday", "monthday", "yearday")
"""The place in the day, in the week, in the month and in the year."""
_DAY_NS = 86_400 * 10**9
_WEEKDAYS = 5


def future(series: Series, horizon: int) -> Times:
    """`(H,)` the times after the observed ones.

    Those that the series brings come first, such as the days on which a market will be open. Then
    they go on by the usual step: calendar months where all dates are one day of the month or its
    last, weekdays where all dates are such, else the most common difference.
    Raises `DataError` where a single time shows no step.
    """
    n = len(series)
    known = series.time[n : n + horizon]
    rest = horizon - len(known)
    if not rest:
        return known
    later = _rule(series.time).after(series.time[-1], rest)
    return cast(Times, np.concatenate([known, later]))


def usual_step(time: Times) -> int:
    """The most common difference between neighbours, the smallest of several: in nanoseconds for
    dates, in their own units for numbers.

    Raises `DataError` where there are not two times.
    """
    return _most_common(np.diff(_ticks(time)))


def calendar(time: Times, names: Sequence[str]) -> Numbers:
    """`(T, F)` sine and cosine of each of `names` (of `CALENDAR`); F is twice their number.

    Raises `ConfigError` where a name is not one of them, or the times are no dates.
    """
    for name in names:
        if name not in CALENDAR:
            raise ConfigError(f"no calendar feature {name!r}; there are {', '.join(CALENDAR)}")
    if names and time.dtype.kind != "M":
        raise ConfigError("calendar features need dates; leave them out where steps are numbered")
    dates = time.astype("datetime64[ns]")
    angle = [2 * np.pi * _phase(dates, name) for name in names]
    waves = [wave(a) for a in angle for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1) if waves else np.empty((len(time), 0))


class _Rule(ABC):
    """How times go on."""

    @abstractmethod
    def after(self, last: np.datetime64 | np.int64, n: int) -> Times:
        """`(n,)` the times after `last`."""


@final
@dataclass(frozen=True)
class _Even(_Rule):
    """By one step, in ticks."""

    step: int

    def after(self, last: np.datetime64 | np.int64, n: int) -> Times:
        return last + np.arange(1, n + 1) * self.step


@final
class _Weekdays(_Rule):
    """From Monday to Friday, at the same time of the day."""

    def after(self, last: np.datetime64 | np.int64, n: int) -> Times:
        day = last.astype("datetime64[D]")
        return np.busday_offset(day, np.arange(1, n + 1), "backward") + (last - day)


@final
@dataclass(frozen=True)
class _Months(_Rule):
    """By calendar months, on one day of the month or on its last, at the same time of the day."""

    months: int
    is_last_day: bool

    def after(self, last: np.datetime64 | np.int64, n: int) -> Times:
        month, day = last.astype("datetime64[M]"), last.astype("datetime64[D]")
        months = month + np.arange(1, n + 1) * self.months
        ends = (months + 1).astype("datetime64[D]") - 1
        if self.is_last_day:
            return ends + (last - day)
        same = months.astype("datetime64[D]") + (day - month.astype("datetime64[D]"))
        return np.minimum(same, ends) + (last - day)


def _rule(time: Times) -> _Rule:
    even = _Even(usual_step(time))
    if time.dtype.kind != "M":
        return even
    day = time.astype("datetime64[D]")
    if len(np.unique(time - day)) > 1:
        return even
    month = time.astype("datetime64[M]")
    months = _most_common(np.diff(month.astype(np.int64)))
    is_last_day = bool(((day + 1).astype("datetime64[M]") > month).all())
    if months and (is_last_day or len(np.unique(day - month.astype("datetime64[D]"))) == 1):
        return _Months(months, is_last_day)
    spans_weekend = day[-1] - day[0] >= np.timedelta64(_WEEKDAYS, "D")
    if even.step == _DAY_NS and spans_weekend and np.is_busday(day).all():
        return _Weekdays()
    return even


def _ticks(time: Times) -> npt.NDArray[np.int64]:
    if len(time) < 2:
        raise DataError(f"{len(time)} rows show no usual step between times; give two at least")
    return time.astype(np.int64)


def _most_common(differences: npt.NDArray[np.int64]) -> int:
    values, counts = np.unique(differences, return_counts=True)
    return int(values[np.argmax(counts)])


def _phase(time: npt.NDArray[np.datetime64], name: str) -> Numbers:
    """`(T,)` from 0 to 1 over the day, week, month or year. Weeks count whole days, from Monday."""
    day = time.astype("datetime64[D]")
    if name == "hour":
        return (time - day).astype(np.int64) / _DAY_NS
    if name == "weekday":
        return (day.astype(np.int64) + 3) % 7 / 7  # 1970-01-01 was a Thursday
    unit = "datetime64[M]" if name == "monthday" else "datetime64[Y]"
    begin = time.astype(unit)
    length = (begin + 1).astype("datetime64[D]") - begin.astype("datetime64[D]")
    return (time - begin.astype("datetime64[D]")).astype(np.int64) / _DAY_NS / length.astype(int)

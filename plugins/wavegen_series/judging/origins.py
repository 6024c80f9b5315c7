"""Where a back-test stands when it forecasts, and what it may know there (Tashman 2000).

Dimensions: T steps of a series.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wavegen.errors import ConfigError, DataError

from ..series import Series

FIXED, ROLLING, WINDOW = "fixed-origin", "rolling-origin", "rolling-window"
MODES = (FIXED, ROLLING, WINDOW)


@dataclass(frozen=True)
class Origin:
    """One forecast: rows `start...at` are known, rows `at...end` are to be forecast."""

    start: int
    at: int
    end: int

    def context(self, series: Series) -> Series:
        """What is known here, with the known future of the horizon."""
        return _since(series.until(self.at, self.end - self.at), self.start)

    def whole(self, series: Series) -> Series:
        """That and what came after it."""
        return _since(series.until(self.end), self.start)


def fixed_origin(length: int, horizon: int) -> list[Origin]:
    """One origin, `horizon` steps before the end of T = `length` steps."""
    return rolling_origin(length, horizon, horizon, 1)


def rolling_origin(length: int, horizon: int, stride: int, n: int) -> list[Origin]:
    """`n` origins, `stride` steps apart, the last `horizon` steps before the end; all is known."""
    ends = range(length - stride * (n - 1), length + 1, stride)
    return [Origin(0, end - horizon, end) for end in ends]


def rolling_window(length: int, horizon: int, stride: int, n: int, width: int) -> list[Origin]:
    """The same, but only the last `width` steps are known at each."""
    return [
        Origin(each.at - width, each.at, each.end)
        for each in rolling_origin(length, horizon, stride, n)
    ]


@dataclass(frozen=True)
class Plan:
    """How a back-test walks through each series. `ConfigError` where that is no plan."""

    mode: str = ROLLING
    """One of `MODES`."""
    horizon: int = 1
    """Steps to forecast."""
    n_origins: int = 12
    """Forecasts for each series; a fixed origin is 1."""
    stride: int | None = None
    """Steps from one origin to the next; by default the horizon, so that none overlap."""
    width: int | None = None
    """Steps that are known at each origin of a rolling window."""
    refit: str = "never"
    """When methods learn anew: `never` (at the first origin only), `each`, or `every:K` origins."""

    def __post_init__(self) -> None:
        """Refuse what cannot be done for any series."""
        if self.mode not in MODES:
            raise ConfigError(f"mode is {self.mode!r}; choose from {', '.join(MODES)}")
        for name, value in (
            ("horizon", self.horizon),
            ("origins", self.n_origins),
            ("stride", self.step),
        ):
            if value < 1:
                raise ConfigError(f"{name} is {value}; it must be 1 or more")
        if self.mode == FIXED and self.n_origins != 1:
            raise ConfigError(f"a fixed origin is one, not {self.n_origins}; set origins to 1")
        if (self.mode == WINDOW) != (self.width is not None):
            raise ConfigError("a width belongs to the mode rolling-window, which needs one")
        if self.width is not None and self.width < self.least:
            raise ConfigError(f"width is {self.width}; {self.least} or more steps must be known")
        _ = self.groups()

    @property
    def step(self) -> int:
        """Steps from one origin to the next."""
        return self.horizon if self.stride is None else self.stride

    @property
    def least(self) -> int:
        """Steps that must be known, so that the linear row has something to learn from."""
        return self.horizon + 2

    def groups(self) -> list[range]:
        """The origins' numbers, those together that share one fit: it is made at the first."""
        found = re.fullmatch(r"never|each|every:([1-9]\d{0,8})", self.refit)
        if not found:
            raise ConfigError(f"refit is {self.refit!r}; give never, each, or every:3")
        every = {"never": self.n_origins, "each": 1}.get(self.refit) or int(found[1])
        return [
            range(first, min(first + every, self.n_origins))
            for first in range(0, self.n_origins, every)
        ]

    def of(self, series: Series) -> Sequence[Origin]:
        """Its origins. `DataError` where it is too short for them."""
        length = len(series)
        need = (self.width or self.least) + (self.n_origins - 1) * self.step + self.horizon
        if length < need:
            raise DataError(
                f"series {series.name!r} has {length} steps; {self.n_origins} origins, {self.step} "
                f"apart, of {self.horizon} steps need {need}: take fewer origins or a shorter "
                "horizon"
            )
        if self.width is not None:
            return rolling_window(length, self.horizon, self.step, self.n_origins, self.width)
        return rolling_origin(length, self.horizon, self.step, self.n_origins)


def _since(series: Series, start: int) -> Series:
    return replace(
        series,
        time=series.time[start:],
        values=series.values[start:],
        known=series.known[start:],
        past=series.past[start:],
    )

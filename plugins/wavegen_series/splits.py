"""Train, validation and test: series as symbols and conditions, in windows.

Dimensions: T steps, E event shape, C condition channels, D static covariates, H horizon.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wavegen.domain import Split
from wavegen.splitting import SPLITS, SplitName, assign

from .conditions import hide_past, rows_of, static_of
from .config import SeriesConfig
from .series import Series
from .units import symbols_of

HISTORY = 1024
"""Steps before those that are held out at the end of a series, which are read but not scored."""
_SHORT, _MANY = 100, 20
"""So many series that are shorter than that are held out whole."""


@dataclass(frozen=True)
class Part:
    """A stretch of a series."""

    series: Series
    start: int
    first: int
    """The first step that is scored; those before it are history."""
    stop: int


def parted(
    series: Sequence[Series], config: SeriesConfig, valid: bool, test: bool
) -> dict[SplitName, list[Part]]:
    """The parts of each split; `valid` and `test` say whether any is to be held out for it."""
    shares = config.valid_percent * valid, config.test_percent * test
    parts: dict[SplitName, list[Part]] = {name: [] for name in SPLITS}
    if not any(shares):
        parts["train"] = whole(series)
    elif by_series(series, config):
        contents = [s.values.tobytes() for s in series]
        for s, name in zip(series, assign(contents, *shares, config.seed), strict=True):
            parts[name].append(Part(s, 0, 0, len(s)))
    else:
        for s in series:
            n = len(s)
            a, b = (round(n * (100 - held) / 100) for held in (sum(shares), shares[1]))
            for name, first, stop in zip(SPLITS, (0, a, b), (a, b, n), strict=True):
                start = max(0, first - HISTORY)
                if first < stop and not np.isnan(s.values[first:stop]).all():
                    parts[name].append(Part(s, start, first, stop))
    return parts


def whole(series: Sequence[Series]) -> list[Part]:
    """Every step of each."""
    return [Part(s, 0, 0, len(s)) for s in series]


def by_series(series: Sequence[Series], config: SeriesConfig) -> bool:
    """Whether whole series are held out."""
    if config.split == "auto":
        return len(series) >= _MANY and float(np.median([len(s) for s in series])) <= _SHORT
    return config.split == "series"


class SeriesSplit(Split):
    """Parts of series."""

    def __init__(self, parts: Sequence[Part], config: SeriesConfig) -> None:
        self._parts, self._config = list(parts), config
        self._event = () if config.n_channels == 1 else (config.n_channels,)
        self._symbols = [torch.from_numpy(symbols_of(p.series, config)) for p in parts]
        self._rows = [rows_of(p.series, config) for p in parts] if config.cond_channels else []

    @property
    def names(self) -> Sequence[str]:
        """The names of the series."""
        return [part.series.name for part in self._parts]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """`(n,)` steps of each, history included."""
        return np.array([part.stop - part.start for part in self._parts], np.int64)

    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Symbols `(T, *E)` and conditions `(T, C)`."""
        place = self._place(index, start, stop)
        x = self._symbols[index][place].reshape(-1, *self._event)
        return x, torch.from_numpy(self._rows[index][place]) if self._rows else None

    def target(self, index: int, start: int, stop: int) -> Tensor | None:
        """Nothing of the history; under head point, the horizon from each step on `(T, H)`."""
        part, place = self._parts[index], self._place(index, start, stop)
        steps = torch.arange(place.start, place.stop)
        if self._config.head == "point":
            return self._horizons(index, steps)
        if part.first <= place.start:
            return None
        x = self._symbols[index][place].reshape(-1, *self._event).clone()
        x[steps < part.first] = math.nan
        return x

    def static(self, index: int) -> Tensor | None:
        """`(D,)`, or None where there are no static covariates."""
        if not self._config.static:
            return None
        return torch.from_numpy(static_of(self._parts[index].series, self._config))

    def _place(self, index: int, start: int, stop: int) -> slice:
        offset = self._parts[index].start
        return slice(start + offset, stop + offset)

    def _horizons(self, index: int, steps: Tensor) -> Tensor:
        """Whole horizons only: a part of one would seem to be a better forecast."""
        part, n = self._parts[index], self._config.horizon
        last = part.stop - n
        is_scored = (steps >= part.first) & (steps <= last)
        if self._config.scored == "last":
            is_scored &= steps == last
        places = (steps[:, None] + torch.arange(n)).clamp(max=len(part.series) - 1)
        values = self._symbols[index][:, 0][places]
        return values.masked_fill(~is_scored[:, None], math.nan)


class TrainingSplit(SeriesSplit):
    """To learn from: past covariates end somewhere in a window, as they do where a forecast begins.

    Where they end depends on the seed, the series and the start of the window alone.
    """

    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Symbols `(T, *E)` and conditions `(T, C)`."""
        x, rows = super().read(index, start, stop)
        if rows is None or not self._config.past:
            return x, rows
        rng = np.random.default_rng([self._config.seed, index, start])
        first = int(rng.integers(-(stop - start) // 2, stop - start + 1))
        if first < 0:  # told to the end
            return x, rows
        return x, torch.from_numpy(hide_past(rows.numpy(), first, self._config))

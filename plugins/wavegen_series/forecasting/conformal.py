"""Conformal calibration: quantiles moved until they hold what they promise, on data kept apart.

Split-conformal quantile regression (Romano, Patterson and Candes 2019), with one score for each
quantile, so that both tails hold for themselves (their "asymmetric" variant). For the level a the
score of a forecast is (y - q_a) / u, with u the width from the forecast's own 10 % to its 90 %
quantile: a series of any size counts alike. Of n scores that are exchangeable with a new one, the
one of rank ceil((n + 1) a) is exceeded by it with a probability of 1 - a at most. Forecasts that
overlap in time are exchangeable about, not strictly.

Dimensions: S paths, H steps of the horizon, N channels, K levels, O forecasts with their truths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wavegen.errors import ConfigError, DataError

from ..forecast import Forecast
from ..series import Numbers

GRID = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5,
    0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995,
)  # fmt: skip
"""The levels that are calibrated, as far as there are forecasts enough to tell."""
_POINT_PATHS = 199
"""How many paths stand for the distribution around a point forecast."""
_SMALLEST = 1e-6
"""A forecast's width counts as no less than this share of the movement of what was known."""


@dataclass(frozen=True)
class Calibration:
    """By how much each quantile has to be moved, in widths of the forecast itself."""

    levels: tuple[float, ...]
    shifts: Numbers
    """`(K, H, N)`"""
    n_forecasts: int

    @property
    def horizon(self) -> int:
        """How many steps ahead it reaches."""
        return self.shifts.shape[1]

    def apply(self, forecast: Forecast) -> Forecast:
        """The same paths in the same order at each step, moved so that the quantiles hold.

        Raises `ConfigError` where the forecast reaches further, or shows other levels, than were
        calibrated.
        """
        horizon = len(forecast.time)
        if horizon > self.horizon:
            raise ConfigError(
                f"the horizon is {horizon}, and the calibration reaches {self.horizon} steps; "
                f"calibrate again with --horizon {horizon}"
            )
        low, high = self.levels[0], self.levels[-1]
        if out := [level for level in forecast.levels if not low <= level <= high]:
            raise ConfigError(
                f"the quantile {out[0]:g} cannot be calibrated: {self.n_forecasts} forecasts tell "
                f"of {low:g} to {high:g}; calibrate on more data"
            )
        paths = forecast.samples
        if len(paths) == 1:
            paths = np.repeat(paths, _POINT_PATHS, axis=0)
        n = len(paths)
        places = (np.arange(n) + 0.5) / n
        unit = width(forecast)
        by_level = self.shifts[:, :horizon].reshape(len(self.levels), -1)
        moves = np.stack([np.interp(places, self.levels, column) for column in by_level.T], axis=-1)
        # A quantile moved past its neighbour changes places with it.
        moved = np.sort(np.sort(paths, axis=0) + moves.reshape(paths.shape) * unit, axis=0)
        ranks = paths.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
        return replace(forecast, samples=np.take_along_axis(moved, ranks, axis=0))


def calibrate(forecasts: Sequence[Forecast], truths: Sequence[Numbers]) -> Calibration:
    """Learn from forecasts and what came then, `(H, N)` each; NaN is skipped.

    Raises `DataError` where they are too few to tell even of the middle half.
    """
    units = np.stack([width(forecast) for forecast in forecasts])
    truth = np.stack(list(truths))
    fewest = int(np.isfinite(truth).sum(axis=0).min())
    levels = tuple(a for a in GRID if 1 <= _rank(a, fewest) <= fewest)
    if not levels or levels[0] > 0.25 or levels[-1] < 0.75:
        raise DataError(
            f"only {fewest} forecasts have a truth at every step of the horizon; calibration "
            "takes 4 or more, and 19 for a 90 % interval: give more data or a shorter horizon"
        )
    quantiles = np.stack([np.quantile(f.samples, levels, axis=0) for f in forecasts], axis=1)
    shifts = np.empty((len(levels), *truth.shape[1:]))
    for row, level in enumerate(levels):
        scores = np.sort((truth - quantiles[row]) / units, axis=0)  # NaN last
        known = np.isfinite(scores).sum(axis=0)
        ranks = np.vectorize(_rank, otypes=[int])(level, known)
        shifts[row] = np.take_along_axis(scores, ranks[None] - 1, axis=0)[0]
    return Calibration(levels, shifts, fewest)


def width(forecast: Forecast) -> Numbers:
    """`(H, N)` from the 10 % to the 90 % quantile; of a point forecast, how far a step goes."""
    moves = np.abs(np.diff(forecast.context.values, axis=0))
    known = np.isfinite(moves)
    total = np.where(known, moves, 0).sum(axis=0)
    step = np.where(total > 0, total / np.maximum(known.sum(axis=0), 1), 1.0)
    shape = forecast.samples.shape[1:]
    if len(forecast.samples) == 1:
        return np.broadcast_to(step, shape)
    low, high = np.quantile(forecast.samples, [0.1, 0.9], axis=0)
    return np.maximum(high - low, _SMALLEST * step)


def _rank(level: float, n: int) -> int:
    """Which of n sorted scores bounds a new one at `level`, from 1 on; 0 or n + 1 is none.

    The median takes the nearest, the tails are careful: outwards.
    """
    place = (n + 1) * level
    if level > 0.5:
        return math.ceil(place - 1e-9)
    return round(place) if level == 0.5 else math.floor(place + 1e-9)

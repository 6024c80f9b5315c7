"""What kind of series these are, as far as it decides how to model them.

Dimensions: T steps, N channels, K lags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .series import Numbers

_LAGS = 10
_MOST_VALUES = 100_000
_LEAST_RUN = 4 * _LAGS


@dataclass(frozen=True)
class Nature:
    """Measured over all series, each in units of its own."""

    n_values: int
    """Observed."""
    unexplained: float
    """Variance that ten linear lags leave, as a share of what a constant or the last value leaves,
    whichever is better; NaN where the series are too short to tell."""
    kurtosis: float
    """Excess kurtosis of what they leave."""
    roughness: float
    """Variance of changes, as a share of the variance of values."""

    @property
    def is_noise(self) -> bool:
        """Neither its values nor its changes can be predicted by much."""
        return self.unexplained > 0.9

    @property
    def is_walk(self) -> bool:
        """Its values hardly move from step to step, and its changes cannot be predicted."""
        return self.is_noise and self.roughness < 0.1

    @property
    def has_heavy_tails(self) -> bool:
        """Much heavier than those of a Gaussian."""
        return self.kurtosis > 1


def nature_of(values: Sequence[Numbers]) -> Nature:
    """Of series `(T, N)`; stretches without a gap are looked at."""
    n_values = int(sum(np.isfinite(v).sum() for v in values))
    runs, used = list[np.ndarray](), 0
    for run in (run for v in values for column in v.T for run in _runs(column)):
        if used < _MOST_VALUES and run.std() > 0:
            runs.append((run - run.mean()) / run.std())
            used += len(run)
    if not runs:
        return Nature(n_values, float("nan"), 0.0, float("nan"))
    lagged = np.concatenate([np.lib.stride_tricks.sliding_window_view(r, _LAGS + 1) for r in runs])
    past, now = lagged[:, :-1], lagged[:, -1]
    inputs = np.concatenate([past, np.ones((len(past), 1))], axis=1)
    weights = np.linalg.lstsq(inputs, now, rcond=None)[0]
    left = now - inputs @ weights
    change = now - past[:, -1]
    least = min(now.var(), change.var())
    # A fit of that many weights explains a little of anything.
    honest = left.var() * len(now) / max(1, len(now) - _LAGS - 1)
    kurtosis = float((left**4).mean() / max(left.var() ** 2, 1e-30) - 3)
    return Nature(
        n_values, float(honest / max(least, 1e-30)), kurtosis, float(change.var() / now.var())
    )


def _runs(column: np.ndarray) -> list[np.ndarray]:
    """Stretches of values without a gap that are long enough."""
    gaps = np.flatnonzero(np.isnan(column))
    ends = [-1, *gaps.tolist(), len(column)]
    runs = [column[a + 1 : b] for a, b in pairwise(ends)]
    return [run for run in runs if len(run) >= _LEAST_RUN]

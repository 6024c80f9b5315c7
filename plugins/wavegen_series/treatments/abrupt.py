"""Abrupt changes: steps at which a series turns much faster than at the step before.

After Deng et al. 2019 (KDTCN), section 5.5: D(t) = (x(t) - x(t-1)) / x(t-1) is how much it moves,
C(t) = D(t) - D(t-1) how much that changes.

Dimensions: T steps, N channels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wavegen.errors import ConfigError, DataError

from ..series import Numbers


def fluctuation(x: Numbers) -> Numbers:
    """D `(T, N)`, a share of the value before; NaN at the first step and beside missing values."""
    if (x[:-1] == 0).any():
        raise DataError("a value is 0; changes relative to it have no size, so shift the series")
    d = np.full_like(x, np.nan)
    d[1:] = (x[1:] - x[:-1]) / x[:-1]
    return d


def turn(x: Numbers) -> Numbers:
    """C `(T, N)`; NaN at the first two steps and beside missing values."""
    d = fluctuation(x)
    c = np.full_like(x, np.nan)
    c[1:] = d[1:] - d[:-1]
    return c


def abrupt(x: Numbers, threshold: float) -> npt.NDArray[np.bool_]:
    """Where |C| is above `threshold` `(T, N)`: 0.02 is two percent. False where C is not known."""
    if not threshold > 0:
        raise ConfigError(f"threshold is {threshold}; it must be above 0, as 0.02 for two percent")
    return np.abs(turn(x)) > threshold

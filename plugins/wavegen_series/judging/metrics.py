"""How good forecasts are: measures of arrays, in the units of the series unless they say otherwise.

Dimensions: S paths, H steps of the horizon, N channels, T steps that were known.

Each takes the truth `(H, N)` and gives the mean over its values; a truth of NaN is not scored, and
where nothing is scored the result is NaN. Percent are percent, shares lie between 0 and 1. Sources:
Hyndman & Koehler 2006 (MASE, RMSSE), Makridakis 1993 (sMAPE), Gneiting & Raftery 2007 (CRPS,
interval score), Ferro 2014 (CRPS of an ensemble).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

from ..series import Numbers


def mae(truth: Numbers, point: Numbers) -> float:
    """Mean absolute error of a point forecast `(H, N)`."""
    return _mean(np.abs(truth - point))


def mse(truth: Numbers, point: Numbers) -> float:
    """Mean squared error."""
    return _mean((truth - point) ** 2)


def rmse(truth: Numbers, point: Numbers) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(mse(truth, point)))


def mape(truth: Numbers, point: Numbers) -> float:
    """Mean absolute error in percent of the truth. `DataError` where that is 0."""
    if (truth == 0).any():
        raise DataError("mape divides by the true values, and some are 0; take mase or smape")
    return _mean(100 * np.abs((truth - point) / truth))


def smape(truth: Numbers, point: Numbers) -> float:
    """Percent from 0 to 200: 200 |y - f| / (|y| + |f|), the definition of the M4 competition."""
    size = np.abs(truth) + np.abs(point)
    error = 200 * np.abs(truth - point)
    return _mean(np.divide(error, size, out=error * 0, where=size != 0))


def mase(truth: Numbers, point: Numbers, insample: Numbers, season: int = 1) -> float:
    """Absolute error in units of the seasonal naive forecast's, one season ahead in `insample`.

    `insample` is `(T, N)`. NaN for a series that never changed: there is nothing to scale by.
    """
    scale = _column_mean(np.abs(_changes(insample, season)))
    return _mean(np.abs(truth - point) / scale)


def rmsse(truth: Numbers, point: Numbers, insample: Numbers, season: int = 1) -> float:
    """Root of the squared error in units of the seasonal naive forecast's; see `mase`."""
    scale = _column_mean(_changes(insample, season) ** 2)
    return float(np.sqrt(_mean((truth - point) ** 2 / scale)))


def pinball(truth: Numbers, quantile: Numbers, level: float) -> float:
    """The quantile loss of a forecast quantile `(H, N)`; twice its mean over levels is the CRPS."""
    error = truth - quantile
    return _mean(np.maximum(level * error, (level - 1) * error))


def crps(truth: Numbers, samples: Numbers) -> float:
    """Continuous ranked probability score of paths `(S, H, N)`, the fair estimator.

    E|X - y| - E|X - X'| / 2, where the second mean is over pairs of different paths, so that its
    expectation does not depend on S. One path is a point forecast: |x - y|.
    """
    n = len(samples)
    error = np.abs(samples - truth).mean(axis=0)
    if n == 1:
        return _mean(error)
    # Sorted, the sum of |x_i - x_j| over all pairs is a sum with weights 1-n, 3-n, ..., n-1.
    weight = 2 * np.arange(n) - (n - 1)
    spread = np.einsum("s,shn->hn", weight, np.sort(samples, axis=0)) / (n * (n - 1))
    return _mean(error - spread)


def coverage(truth: Numbers, samples: Numbers, percent: float = 80) -> float:
    """The share of the truth inside the central interval that `percent` of the paths span."""
    low, high = _interval(samples, percent)
    inside = ((truth >= low) & (truth <= high)).astype(float)
    return _mean(np.where(np.isnan(truth) | np.isnan(low), np.nan, inside))


def winkler(truth: Numbers, samples: Numbers, percent: float = 80) -> float:
    """The interval score: the width of that interval, and a fine where the truth lies outside."""
    low, high = _interval(samples, percent)
    fine = 2 / (1 - percent / 100)
    missed = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    return _mean(high - low + fine * missed)


def direction(truth: Numbers, samples: Numbers, last: Numbers) -> float:
    """The share of channels whose last step lies on the side of `last` `(N,)` where most paths are.

    No change counts as up, as in the labels of the DJIA data. Paths that lie half and half, as a
    random walk's do, tell nothing and are not scored.
    """
    move = samples[:, -1] - last
    still = np.abs(move) <= 1e-9 * np.abs(last)
    up = np.where(still, 0.5, move > 0).mean(axis=0)
    hit = ((truth[-1] >= last) == (up > 0.5)).astype(float)
    told = (np.abs(up - 0.5) > 1e-9) & ~np.isnan(truth[-1]) & ~np.isnan(last)
    return _mean(np.where(told, hit, np.nan))


def nll(log_density: Numbers) -> float:
    """Nats per value of `log_density` `(H, N)`: each step given those before it, original units."""
    return _mean(-log_density)


def snr(clean: Numbers, noisy: Numbers) -> float:
    """Signal-to-noise ratio in dB, the noise being what `noisy` has and `clean` has not."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(_mean(clean**2) / np.float64(mse(clean, noisy))))


def skill(score: float, reference: float) -> float:
    """What is saved of a reference's score: 1 - score / reference; 0 is no better, 1 perfect."""
    return 1 - score / reference if reference else float("nan")


def only(truth: Numbers, mask: npt.NDArray[np.bool_]) -> Numbers:
    """The truth where `mask` `(H,)` or `(H, N)` holds and NaN elsewhere: a subset to be scored."""
    chosen = mask if mask.ndim == truth.ndim else mask[:, None]
    return np.where(chosen, truth, np.nan)


def _mean(values: Numbers) -> float:
    told = values[~np.isnan(values)]
    return float(told.mean()) if told.size else float("nan")


def _column_mean(values: Numbers) -> Numbers:
    """`(N,)` means of what is told in `(T, N)`; NaN where that is nothing or all zeros."""
    told = ~np.isnan(values)
    total = np.where(told, values, 0).sum(axis=0)
    mean = np.divide(total, told.sum(axis=0), out=total * np.nan, where=told.any(axis=0))
    return np.where(mean > 0, mean, np.nan)


def _changes(insample: Numbers, season: int) -> Numbers:
    return insample[season:] - insample[:-season]


def _interval(samples: Numbers, percent: float) -> tuple[Numbers, Numbers]:
    """`(H, N)` twice; one path spans no interval: NaN."""
    if len(samples) == 1:
        return samples[0] * np.nan, samples[0] * np.nan
    tail = (1 - percent / 100) / 2
    low, high = np.quantile(samples, [tail, 1 - tail], axis=0)
    return low, high

"""How sure a score is: its standard error, its share's interval, and whether one beats another.

Dimensions: K origins, in the order of time.
"""

from __future__ import annotations

from math import ceil, exp, isnan, lgamma, log, nan, pi, sqrt
from statistics import NormalDist

import numpy as np

from ..series import Numbers


def standard_error(scores: Numbers, overlap: int = 0) -> float:
    """Of the mean of scores `(K,)`; NaN scores are left out.

    Neighbours whose horizons overlap are correlated: `overlap` is how many of the next origins lie
    within one horizon (Newey & West 1987 with Bartlett's weights). NaN for fewer than two scores
    and for infinite ones.
    """
    told = scores[~np.isnan(scores)]
    n = len(told)
    if n < 2 or not np.isfinite(told).all():
        return nan
    away = told - told.mean()
    variance = away @ away / (n - 1)
    for lag in range(1, min(overlap, n - 1) + 1):
        weight = 1 - lag / (overlap + 1)
        variance += 2 * weight * (away[lag:] @ away[:-lag]) / (n - 1)
    return sqrt(max(variance, 0.0) / n)


def overlapping(horizon: int, stride: int) -> int:
    """How many of the next origins lie within the horizon of one."""
    return ceil(horizon / stride) - 1


def better(scores: Numbers, reference: Numbers, overlap: int = 0) -> float:
    """The p-value of Diebold & Mariano's test (1995) that scores `(K,)` are lower than `reference`.

    One-sided, by Student's t as Harvey, Leybourne & Newbold (1997) advise for few origins. NaN
    where it cannot be told: fewer than two origins, or no difference at all.
    """
    told = (reference - scores)[~np.isnan(reference - scores)]
    error = standard_error(told, overlap)
    return nan if isnan(error) or error == 0 else _above(told.mean() / error, len(told) - 1)


def wilson(share: float, n: int, percent: float = 95) -> tuple[float, float]:
    """The interval (low, high) of a share of n trials (Wilson 1927); never outside 0 to 1."""
    z = NormalDist().inv_cdf(0.5 + percent / 200)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _above(t: float, freedom: int) -> float:
    """P(T > t) of Student's t: with T = sqrt(v) tan(a) its density is a power of cos(a)."""
    points, weights = np.polynomial.legendre.leggauss(200)
    start = np.arctan(t / sqrt(freedom))
    half = (pi / 2 - start) / 2
    angle = start + half * (points + 1)
    area = half * weights @ np.cos(angle) ** (freedom - 1)
    whole = exp(0.5 * log(pi) + lgamma(freedom / 2) - lgamma((freedom + 1) / 2))
    return float(min(max(area / whole, 0.0), 1.0))

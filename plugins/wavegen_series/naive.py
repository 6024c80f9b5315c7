"""What a model of series must beat: the last value, with what usually comes on top of it.

Dimensions: T steps, N channels, H horizon.
"""

from __future__ import annotations

import math

import numpy as np

from wavegen.domain import Split

from .config import SeriesConfig
from .series import Numbers

_LEAST = 1e-6


def naive_bits(train: Split, valid: Split, config: SeriesConfig) -> dict[str, float]:
    """Bits a step on `valid` of the last value with Gaussian and with Laplace steps of `train`.

    Under the head point, the error of the last value over log 2, as the model's own bits are.
    """
    n = config.n_channels
    if config.head == "point":
        return _point_bits(valid, config.loss == "squared")
    known = np.concatenate([np.empty((0, n)), *(_changes(train, i, n)[0] for i in _all(train))])
    if not len(known) or np.isnan(known).all(axis=0).any():
        return {}
    deviation = np.maximum(np.sqrt(np.nanmean(known**2, axis=0)), _LEAST)
    spread = np.maximum(np.nanmean(np.abs(known), axis=0), _LEAST)
    gauss = laplace = 0.0
    count = 0
    for i in _all(valid):
        change, is_scored = _changes(valid, i, n)
        change = np.where(is_scored, change, np.nan)
        z = change / deviation
        gauss += np.nansum(0.5 * z**2 + np.log(deviation) + 0.5 * math.log(2 * math.pi))
        laplace += np.nansum(np.abs(change) / spread + np.log(2 * spread))
        count += int((~np.isnan(change)).any(axis=1).sum())
    if not count:
        return {}
    return {
        "last value, Gaussian": float(gauss) / count / math.log(2),
        "last value, Laplace": float(laplace) / count / math.log(2),
    }


def _all(split: Split) -> range:
    return range(len(split.names))


def _changes(split: Split, index: int, n: int) -> tuple[Numbers, np.ndarray]:
    """Each value minus the last observed one `(T, N)`, NaN where there is none, and which count."""
    length = int(split.lengths[index])
    x = split.read(index, 0, length)[0].numpy().astype(np.float64).reshape(-1, n)
    target = split.target(index, 0, length)
    is_scored = ~np.isnan(x if target is None else target.numpy().reshape(-1, n))
    return x - _last(x), is_scored


def _last(x: Numbers) -> Numbers:
    """The last value that was observed before each step."""
    steps = np.where(np.isnan(x), -1, np.arange(len(x))[:, None])
    newest = np.maximum.accumulate(steps, axis=0)
    held = np.where(newest < 0, np.nan, np.take_along_axis(x, np.maximum(newest, 0), axis=0))
    return np.concatenate([np.full((1, x.shape[1]), np.nan), held[:-1]])


def _point_bits(valid: Split, is_squared: bool) -> dict[str, float]:
    losses: list[float] = []
    for i in _all(valid):
        length = int(valid.lengths[i])
        x = valid.read(i, 0, length)[0].numpy().astype(np.float64).reshape(-1, 1)
        target = valid.target(i, 0, length)
        assert target is not None
        error = target.numpy() - _last(x)
        whole = error[~np.isnan(error).any(axis=1)]
        losses += list((whole**2 if is_squared else np.abs(whole)).mean(axis=1))
    return {"last value": float(np.mean(losses)) / math.log(2)} if losses else {}

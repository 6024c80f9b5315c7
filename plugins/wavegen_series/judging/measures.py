"""The columns of a report, by name: each scores one case of a back-test.

Absolute errors are those of the median, squared errors those of the mean: what each is least for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from wavegen.errors import ConfigError

from . import metrics
from .backtest import Case

Measure = Callable[[Case, int], float]
"""Of a case, and of the season (in steps) of its series; NaN where it cannot be told."""

DEFAULT = ("mae", "mase", "rmse", "crps", "coverage:80", "nll")


def measure(name: str) -> Measure:
    """The measure of that name. `ConfigError` with the names that there are."""
    word, _, percent = name.partition(":")
    if word in _PLAIN and not percent:
        return _PLAIN[word]
    if word in _OF_PERCENT and percent:
        try:
            value = float(percent)
        except ValueError:
            value = 0.0
        if 0 < value < 100:
            return _OF_PERCENT[word](value)
        raise ConfigError(f"{name!r} needs a percentage between 0 and 100, as {word}:80")
    known = [*_PLAIN, *(f"{each}:80" for each in _OF_PERCENT)]
    raise ConfigError(f"no metric {name!r}; there are {', '.join(known)}")


def _median(case: Case) -> np.ndarray:
    return case.forecast.quantile(0.5)


def _nll(case: Case, _: int) -> float:
    return float("nan") if case.log_density is None else metrics.nll(case.log_density)


def _direction(case: Case, _: int) -> float:
    known = case.forecast.context.values
    told = ~np.isnan(known)
    last = known[len(known) - 1 - np.argmax(told[::-1], axis=0), np.arange(known.shape[1])]
    return metrics.direction(case.truth, case.forecast.samples, last)


_PLAIN: Mapping[str, Measure] = {
    "mae": lambda case, _: metrics.mae(case.truth, _median(case)),
    "mse": lambda case, _: metrics.mse(case.truth, case.forecast.mean),
    "rmse": lambda case, _: metrics.rmse(case.truth, case.forecast.mean),
    "mase": lambda case, season: metrics.mase(
        case.truth, _median(case), case.forecast.context.values, season
    ),
    "rmsse": lambda case, season: metrics.rmsse(
        case.truth, case.forecast.mean, case.forecast.context.values, season
    ),
    "mape": lambda case, _: metrics.mape(case.truth, _median(case)),
    "smape": lambda case, _: metrics.smape(case.truth, _median(case)),
    "crps": lambda case, _: metrics.crps(case.truth, case.forecast.samples),
    "nll": _nll,
    "direction": _direction,
}

_OF_PERCENT: Mapping[str, Callable[[float], Measure]] = {
    "coverage": lambda percent: (
        lambda case, _: metrics.coverage(case.truth, case.forecast.samples, percent)
    ),
    "winkler": lambda percent: (
        lambda case, _: metrics.winkler(case.truth, case.forecast.samples, percent)
    ),
    "pinball": lambda percent: (
        lambda case, _: metrics.pinball(
            case.truth, case.forecast.quantile(percent / 100), percent / 100
        )
    ),
}

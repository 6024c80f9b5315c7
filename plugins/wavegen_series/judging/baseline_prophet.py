"""Prophet (Taylor & Letham 2018), an optional row: trend and seasons of the calendar.

Dimensions: S paths, H steps of the horizon, N channels.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from wavegen.errors import ConfigError

from ..forecast import Forecast
from ..method import Method
from ..series import Numbers, Series, Times
from ..tables.times import future


class Prophet(Method):
    """Fits each context anew, as Prophet can only forecast from where it was fitted.

    It is given the very times of the horizon, trading days for instance, not calendar days.
    Numbers instead of dates are taken for days.
    """

    name = "prophet"

    def forecast(
        self, contexts: Sequence[Series], horizon: int, n_samples: int, seed: int
    ) -> list[Forecast]:
        """See `Method.forecast`. `ConfigError` where the package is missing."""
        build = _package()
        forecasts = []
        for context in contexts:
            time = future(context, horizon)
            drawn = [
                _paths(build, context.time[: len(context)], column, time, n_samples, seed)
                for column in context.values.T
            ]
            forecasts.append(Forecast(context, time, np.stack(drawn, axis=2)))
        return forecasts


def _package() -> Any:
    try:
        from prophet import Prophet as Build  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ConfigError("the prophet row needs its package: pip install prophet") from None
    return Build


def _paths(
    build: Any, time: Times, values: Numbers, ahead: Times, n_samples: int, seed: int
) -> Numbers:
    """`(S, H)`; Prophet leaves out what is NaN."""
    import pandas  # pyright: ignore[reportMissingImports]

    state, log = np.random.get_state(), logging.getLogger("cmdstanpy")
    np.random.seed(seed % 2**32)  # Prophet draws from numpy's global generator
    log.disabled = True  # it tells of every fit, whatever its level was set to
    try:
        model = build(uncertainty_samples=n_samples)
        model.fit(pandas.DataFrame({"ds": _dates(time), "y": values}), seed=seed % 2**31)
        drawn = model.predictive_samples(pandas.DataFrame({"ds": _dates(ahead)}))
    finally:
        np.random.set_state(state)
        log.disabled = False
    return drawn["yhat"].T


def _dates(time: Times) -> Times:
    return time if time.dtype.kind == "M" else time.astype("datetime64[D]").astype("datetime64[ns]")

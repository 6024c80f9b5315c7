"""A back-test as columns of a tidy table: a row for each method, origin, step and channel.

Dimensions: R rows of the table, H steps of the horizon, N channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from wavegen.errors import ConfigError

from ..forecast import LEVELS
from ..tables.tidy import TidyColumns, forecast_columns
from .backtest import BacktestResult

if TYPE_CHECKING:
    import pandas  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

METHOD, TRUTH = "method", "y"


def backtest_columns(result: BacktestResult, levels: Sequence[float] = LEVELS) -> TidyColumns:
    """method, unique_id, ds, cutoff (the last time known), channel where there are several, y, mean
    and quantiles, `(R,)` each. Raises `DataError` where the series do not share their channels.
    """
    cases = [case for each in result.cases.values() for case in each]
    forecasts = [replace(case.forecast, levels=tuple(levels)) for case in cases]
    rows = [name for name, each in result.cases.items() for case in each for _ in case.truth.flat]
    return {
        METHOD: np.array(rows, object),
        **forecast_columns(forecasts, cutoff=True),
        TRUTH: np.concatenate([case.truth.ravel() for case in cases]),
    }


def backtest_frame(result: BacktestResult, levels: Sequence[float] = LEVELS) -> pandas.DataFrame:
    """The same as a frame. `ConfigError` where pandas is missing."""
    try:
        import pandas  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
    except ModuleNotFoundError as error:
        raise ConfigError("data frames need pandas; pip install 'wavegen[series]'") from error
    return pandas.DataFrame(backtest_columns(result, levels))

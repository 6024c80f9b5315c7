"""A forecast: sample paths of what comes after a series, and what is made of them.

Dimensions: S paths, H steps of the horizon, N channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .series import Numbers, Series, Times

if TYPE_CHECKING:
    import pandas  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Forecast:
    """What may follow one series."""

    context: Series
    """What was known."""
    time: Times
    """`(H,)` the times that are forecast."""
    samples: Numbers
    """`(S, H, N)` paths in the units of the series; a point forecast is one path."""
    levels: Sequence[float] = LEVELS
    """The quantiles that tables show."""

    @property
    def mean(self) -> Numbers:
        """`(H, N)` of the paths."""
        return self.samples.mean(axis=0)

    def quantile(self, level: float) -> Numbers:
        """`(H, N)` of the paths."""
        return np.quantile(self.samples, level, axis=0)

    def to_pandas(self) -> pandas.DataFrame:
        """A tidy frame: unique_id, ds, channel (where there are several), mean and quantiles."""
        from .tables.frames import forecast_frame

        return forecast_frame([self])

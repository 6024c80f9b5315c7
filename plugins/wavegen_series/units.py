"""Values to symbols and back: an optional logarithm, an offset and a unit of each channel.

Dimensions: T steps, N channels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

from .config import SeriesConfig
from .series import Numbers, Series

Symbols = npt.NDArray[np.float32]


def transformed(series: Series, config: SeriesConfig) -> Numbers:
    """`(T, N)` after the logarithm, if there is one. Raises `DataError` where it has none."""
    values = series.values
    if config.transform == "none":
        return values
    if (values <= 0).any():
        row, channel = np.argwhere(values <= 0)[0]
        raise DataError(
            f"series {series.name!r}: {series.names.channels[channel]} is "
            f"{values[row, channel]:g} at {series.time[row]}, and only values above 0 have a "
            "logarithm; leave out --domain.transform log"
        )
    return np.log(values)


def symbols_of(series: Series, config: SeriesConfig) -> Symbols:
    """`(T, N)` float32; NaN stays NaN."""
    offset, unit = _affine(config)
    return ((transformed(series, config) - offset) / unit).astype(np.float32)


def values_of(symbols: npt.ArrayLike, config: SeriesConfig) -> Numbers:
    """Symbols `(..., N)` in units of the data. A logarithm's end of float64 is kept to."""
    offset, unit = _affine(config)
    values = np.asarray(symbols, np.float64) * unit + offset
    return np.exp(np.clip(values, -700, 700)) if config.transform == "log" else values


def log_slope(values: Numbers, config: SeriesConfig) -> Numbers:
    """log of |d symbol / d value| at values `(..., N)`: what turns nats per unit of a symbol into
    nats per unit of the data.
    """
    _, unit = _affine(config)
    slope = -np.log(unit) * np.ones_like(values)
    return slope - np.log(values) if config.transform == "log" else slope


def _affine(config: SeriesConfig) -> tuple[Numbers, Numbers]:
    """Offset and unit `(N,)`."""
    if not config.unit:
        return np.zeros(config.n_channels), np.ones(config.n_channels)
    return np.array(config.offset), np.array(config.unit)

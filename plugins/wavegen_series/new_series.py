"""A series that was made and not measured: its steps are numbered.

Dimensions: T steps, N channels.
"""

from __future__ import annotations

import numpy as np

from .config import SeriesConfig
from .series import Names, Numbers, Series


def new_series(values: Numbers, config: SeriesConfig, first: int = 0) -> Series:
    """Values `(T, N)` at steps `first`, `first` + 1, ..."""
    channels = config.channels or config.target or ("y",)
    return Series(
        "sample", np.arange(first, first + len(values)), values, names=Names(channels=channels)
    )

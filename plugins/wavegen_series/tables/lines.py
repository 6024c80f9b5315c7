"""Streams of values: symbols to values as they come, and values to lines of CSV.

Dimensions: T steps, N channels.
"""

from __future__ import annotations

import numpy as np

from wavegen.domain_player import ArrayDecoder, StreamFormat, Symbols

from ..config import SeriesConfig
from ..new_series import new_series
from ..series import Series
from ..units import values_of


class ValueDecoder(ArrayDecoder[Series]):
    """Each symbol is a value at once; times count on."""

    def __init__(self, config: SeriesConfig) -> None:
        self._config, self._done = config, 0

    def push(self, x: Symbols) -> Series:
        """Symbols `(T, *E)` to their steps."""
        values = values_of(np.asarray(x).reshape(-1, self._config.n_channels), self._config)
        piece = new_series(values, self._config, first=self._done)
        self._done += len(values)
        return piece

    def finish(self) -> Series:
        """Nothing was held back."""
        return new_series(np.empty((0, self._config.n_channels)), self._config, first=self._done)


class ValueLines(StreamFormat[Series]):
    """A line of names, then one line a step: `ds,y` or `ds,price,volume`; missing is empty."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        self.header = (",".join(("ds", *channels)) + "\n").encode()

    def pack(self, piece: Series) -> bytes:
        """The lines of a piece's steps."""
        lines = [
            ",".join([str(time), *("" if np.isnan(v) else repr(float(v)) for v in row)]) + "\n"
            for time, row in zip(piece.time[: len(piece)].tolist(), piece.values, strict=True)
        ]
        return "".join(lines).encode()

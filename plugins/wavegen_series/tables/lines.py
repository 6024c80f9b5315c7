"""Streams of values: symbols to values as they come, and values to lines of CSV.

Dimensions: T steps, N channels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

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

    def memory(self) -> Mapping[str, Symbols]:
        """How many steps there were, from which their times follow."""
        return {"done": np.array([self._done])}

    def recall(self, memory: Mapping[str, Symbols]) -> None:
        """Count on from there."""
        super().recall(memory)
        self._done = max(0, int(memory["done"][0]))


class ValueLines(StreamFormat[Series]):
    """A line of names, then one line a step: `ds,y` or `ds,price,volume`; missing is empty."""

    kind, media_type = "values", "text/csv"

    def __init__(self, channels: tuple[str, ...]) -> None:
        self._names = ("ds", *channels)
        self.header = (",".join(("ds", *channels)) + "\n").encode()

    def pack(self, piece: Series) -> bytes:
        """The lines of a piece's steps."""
        lines = [
            ",".join([str(time), *("" if np.isnan(v) else repr(float(v)) for v in row)]) + "\n"
            for time, row in zip(piece.time[: len(piece)].tolist(), piece.values, strict=True)
        ]
        return "".join(lines).encode()

    def encodings(self) -> Mapping[str, Callable[[Series], bytes]]:
        """One object a step, such as `{"ds": "2026-11-22", "y": 3.5}`; missing is null."""
        return {"json": self._objects}

    def _objects(self, piece: Series) -> bytes:
        lines: list[str] = []
        for time, row in zip(piece.time[: len(piece)].tolist(), piece.values.tolist(), strict=True):
            values = (None if np.isnan(value) else value for value in row)
            named = dict(zip(self._names, (str(time), *values), strict=True))
            lines.append(json.dumps(named) + "\n")
        return "".join(lines).encode()

"""Series from a program: what the domain does without PyTorch.

Dimensions: T steps, N channels, E event shape.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wavegen.domain_player import ArrayDecoder, DomainPlayer, StreamFormat, Symbols
from wavegen.errors import DataError

from .config import SeriesConfig
from .new_series import new_series
from .series import Series
from .tables.lines import ValueDecoder, ValueLines
from .units import symbols_of, values_of


class SeriesPlayer(DomainPlayer[Series]):
    """One series of N channels; a step counts as a second."""

    rate_hz = 1.0
    default_seconds = 200.0
    suffixes = (".csv", ".parquet")
    n_classes = None

    def __init__(self, config: SeriesConfig) -> None:
        self.config = config
        n = config.n_channels
        self.event_shape = () if n == 1 else (n,)

    def load(self, path: Path) -> Series:
        """The series of a file, which holds one. Raises `DataError`."""
        from .tables.reading import read

        series = read(path, self.config.columns)
        if len(series) > 1:
            raise DataError(
                f"{path}: holds {len(series)} series, {series[0].name!r} and others; give a file "
                "of one"
            )
        n = len(series[0].names.channels)
        if n != self.config.n_channels:
            raise DataError(
                f"{path}: has {n} channels, the model {self.config.n_channels} "
                f"({', '.join(self.config.channels)})"
            )
        return series[0]

    def encode(self, raw: Series) -> Symbols:
        """Values to symbols `(T, *E)`."""
        return symbols_of(raw, self.config).reshape(-1, *self.event_shape)

    def decode(self, x: Symbols) -> Series:
        """Symbols to values at steps 0, 1, ..."""
        values = values_of(np.asarray(x).reshape(-1, self.config.n_channels), self.config)
        return new_series(values, self.config)

    def decoder(self) -> ArrayDecoder[Series]:
        """Each symbol is a value at once."""
        return ValueDecoder(self.config)

    def save(self, raw: Series, path: Path) -> None:
        """A table, in the format of its ending."""
        from .tables.writing import write_series

        write_series(path, [raw])

    def stream_format(self) -> StreamFormat[Series]:
        """Lines of CSV."""
        return ValueLines(self.config.channels or self.config.target or ("y",))

    def picture(self, raw: Series, path: Path, title: str = "") -> None:
        """Values over time."""
        from .pictures.picture import draw

        draw(raw, path, title)

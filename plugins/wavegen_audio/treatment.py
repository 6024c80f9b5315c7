"""What happens to a recording on its way in: decoded, resampled, trimmed, levelled.

A prime goes the same way as a corpus, so that it sounds as training heard it.

Dimensions: T time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wavegen.errors import DataError

from .codec import Samples
from .config import AudioConfig
from .level import gain, sounding_part
from .reading import recording

_PIECE_SAMPLES = 2**18


def load(path: Path, config: AudioConfig) -> Samples:
    """One file as samples `(T,)`. Raises `DataError`."""
    with recording(path) as source:
        raw = np.concatenate(list(source.blocks(config.rate_hz, config.channel)))
    return np.concatenate(list(treat(raw, config, path).pieces()))


@dataclass(frozen=True)
class Treated:
    """A decoded recording and what is kept of it; it may lie on disk."""

    raw: Samples
    part: slice
    gain: float

    def __len__(self) -> int:
        """Samples kept."""
        return self.part.stop - self.part.start

    def pieces(self) -> Iterator[Samples]:
        """The samples `(T,)`, between -1 and 1, in order."""
        for start in range(self.part.start, self.part.stop, _PIECE_SAMPLES):
            piece = self.raw[start : min(start + _PIECE_SAMPLES, self.part.stop)]
            yield np.clip(piece * np.float32(self.gain), -1, 1)


def treat(raw: Samples, config: AudioConfig, path: Path) -> Treated:
    """Find what the settings keep, and its gain. Raises `DataError` where nothing is left."""
    if not len(raw):
        raise DataError(f"{path}: shorter than one sample at {config.rate_hz} Hz; leave it out")
    part = slice(0, len(raw))
    if config.trim_dbfs is not None:
        part = sounding_part(raw, config.rate_hz, config.trim_dbfs)
        if part.stop == part.start:
            raise DataError(
                f"{path}: nothing in it is louder than {config.trim_dbfs:g} dBFS; lower "
                "domain.trim_dbfs or leave the file out"
            )
    return Treated(raw, part, gain(raw[part], config.rate_hz, config.normalise))

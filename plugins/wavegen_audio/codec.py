"""Codecs: samples to what the cache stores, to the symbols that a model sees, and back to samples.

Importing this module imports no torch: a program plays without it.

Dimensions: T time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wavegen.domain_player import Symbols

from . import mulaw
from .config import AudioConfig

if TYPE_CHECKING:
    from wavegen.heads import Head

Samples = npt.NDArray[np.float32]
"""Mono sound `(T,)` between -1 and 1."""


class Codec(ABC):
    """One way to write a sample as a symbol."""

    stored: np.dtype
    """Type of one sample in the cache."""
    n_classes: int | None = None
    """Number of classes of a symbol, or None where symbols are real."""

    @abstractmethod
    def head(self) -> Head:
        """A fresh head for these symbols."""

    @abstractmethod
    def store(self, samples: Samples) -> npt.NDArray:
        """Samples `(T,)` to what the cache holds, `(T,)` of type `stored`."""

    @abstractmethod
    def symbols(self, stored: npt.NDArray) -> Symbols:
        """What the cache holds to symbols `(T,)`: int64 classes or float32 values."""

    @abstractmethod
    def samples(self, symbols: Symbols) -> Samples:
        """Symbols `(T,)` to samples."""


class MulawCodec(Codec):
    """Symbols are the C classes of mu-law."""

    def __init__(self, classes: int) -> None:
        self.n_classes = self.classes = classes
        self.stored = np.dtype(np.uint8 if classes <= 256 else np.uint16)
        self._samples = mulaw.decode(np.arange(classes), classes).astype(np.float32)

    def head(self) -> Head:
        """One logit a class."""
        from wavegen.heads import Categorical

        return Categorical(self.classes)

    def store(self, samples: Samples) -> npt.NDArray:
        """The codes."""
        return mulaw.encode(samples, self.classes).astype(self.stored)

    def symbols(self, stored: npt.NDArray) -> Symbols:
        """The codes as classes."""
        return stored.astype(np.int64)

    def samples(self, symbols: Symbols) -> Samples:
        """A look-up of each code's sample."""
        return self._samples[symbols]


class SteppedCodec(Codec):
    """Symbols are real, on `levels` equal steps from -1 to 1."""

    def __init__(self, levels: int, components: int) -> None:
        self.levels, self.components = levels, components
        self.stored = np.dtype(np.uint16)

    def head(self) -> Head:
        """Exact probabilities of the steps, so that bits compare with those of codes."""
        from wavegen.heads import MixtureOfLogistics

        return MixtureOfLogistics(self.components, self.levels)

    def store(self, samples: Samples) -> npt.NDArray:
        """The number of the nearest step; halves go up, so silence has one number."""
        unit = (np.clip(samples.astype(np.float64), -1, 1) + 1) / 2
        return np.floor(unit * (self.levels - 1) + 0.5).astype(self.stored)

    def symbols(self, stored: npt.NDArray) -> Symbols:
        """The steps' values."""
        return (stored / (self.levels - 1) * 2 - 1).astype(np.float32)

    def samples(self, symbols: Symbols) -> Samples:
        """The values, clamped: a draw may lie between two steps or beyond the last."""
        return np.clip(symbols.astype(np.float32), -1, 1)


class RealCodec(Codec):
    """Symbols are the samples themselves."""

    def __init__(self, components: int) -> None:
        self.components = components
        self.stored = np.dtype(np.float32)

    def head(self) -> Head:
        """A density; its bits do not compare with those of codes."""
        from wavegen.heads import Gaussian

        return Gaussian(self.components)

    def store(self, samples: Samples) -> npt.NDArray:
        """The samples, clamped."""
        return np.clip(samples, -1, 1).astype(self.stored)

    def symbols(self, stored: npt.NDArray) -> Symbols:
        """The samples."""
        return stored.astype(np.float32)

    def samples(self, symbols: Symbols) -> Samples:
        """The values, clamped: a density has no edge."""
        return np.clip(symbols.astype(np.float32), -1, 1)


def codec_of(config: AudioConfig) -> Codec:
    """The codec that the settings name."""
    if config.output == "mulaw":
        return MulawCodec(config.classes)
    if config.output == "logistics":
        return SteppedCodec(config.levels, config.components)
    return RealCodec(config.components)

"""The part of a domain that plays a program: symbols to raw and to files, without PyTorch.

Dimensions: T time, E event shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy.typing as npt

from .errors import CheckpointError, ConfigError

Raw = TypeVar("Raw")
"""A sequence as people know it: samples between -1 and 1, a grid of notes, a column of prices."""

Symbols = npt.NDArray[Any]
"""`(T, *E)`: int64 classes or float32 values."""


class LiveOutput(ABC, Generic[Raw]):
    """Where a stream is heard in its own time while it is being drawn.

    A context manager: on the way out, also after an error or Ctrl-C, nothing goes on sounding.
    """

    underruns: int = 0
    """How often a piece came too late, so that there was a gap."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Make ready to play."""

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """Fall silent, and give back what was opened."""

    @abstractmethod
    def play(self, piece: Raw) -> None:
        """Play a decoded piece. Returns a little before the next one is due."""

    @abstractmethod
    def finish(self) -> None:
        """Wait until all that was played is over."""


class StreamFormat(ABC, Generic[Raw]):
    """How a stream of unknown length is written to a pipe, sent to a listener, or heard."""

    header: bytes
    """Written once, first."""
    kind: str = "bytes"
    """What a listener makes of it: `samples` of sound, `notes`, `values`, or `bytes` to keep."""
    media_type: str = "application/octet-stream"
    """Of the header and what follows it."""

    def final_header(self, n_bytes: int) -> bytes:
        """As long as `header`; it replaces it once n_bytes of pieces are all there will be."""
        return self.header

    @abstractmethod
    def pack(self, piece: Raw) -> bytes:
        """The bytes of one decoded piece."""

    def encodings(self) -> Mapping[str, Callable[[Raw], bytes]]:
        """How a piece can be sent to a listener by itself, by name; the usual way comes first."""
        return {"bytes": self.pack}

    def midi_output(self, port: str) -> LiveOutput[Raw]:
        """What plays pieces to the MIDI output called `port`.

        Raises `ConfigError` where there is no such port, or, as it does if not overridden, where
        sequences are not made of notes.
        """
        raise ConfigError(
            f"sequences of this kind are not made of notes, so the MIDI port {port!r} cannot play "
            "them; leave --midi-port out"
        )

    def sound_output(self) -> LiveOutput[Raw]:
        """What plays pieces through the machine's loudspeaker.

        Raises `ConfigError` where that is not possible, or, as it does if not overridden, where
        sequences are no sound.
        """
        raise ConfigError("sequences of this kind are no sound; leave --play out")


class ArrayDecoder(ABC, Generic[Raw]):
    """Symbols in, playable pieces out, in order: what a stream plays.

    The pieces end to end equal `DomainPlayer.decode` of all symbols, for every way of cutting them.
    """

    @abstractmethod
    def push(self, x: Symbols) -> Raw:
        """The piece that the next symbols complete; it may be empty."""

    @abstractmethod
    def finish(self) -> Raw:
        """What is still held back, once no more symbols will come."""

    def memory(self) -> Mapping[str, Symbols]:
        """All that it remembers of the symbols so far; by default that is nothing."""
        return {}

    def recall(self, memory: Mapping[str, Symbols]) -> None:
        """Go on from what another one remembered. Raises `CheckpointError` where it cannot."""
        same_shapes(memory, self.memory())


def same_shapes(given: Mapping[str, Symbols], like: Mapping[str, Symbols]) -> None:
    """Refuse a decoder's memory that is not made like `like`."""
    found = {name: (array.dtype, array.shape) for name, array in given.items()}
    needed = {name: (array.dtype, array.shape) for name, array in like.items()}
    if found != needed:
        raise CheckpointError(
            f"the session remembers {found} of its pieces, it must be {needed}; resume it with the "
            "model that made it"
        )


class DomainPlayer(ABC, Generic[Raw]):
    """One kind of sequence, built from its domain's config alone; it imports no PyTorch.

    A domain that has one builds on it, so that a program sounds as its model does.
    """

    rate_hz: float
    """Steps per second of playing time."""
    default_seconds: float = 4.0
    """How long a new sequence is where nobody says."""
    n_classes: int | None
    """Number of classes of a symbol, or None for real values."""
    event_shape: tuple[int, ...] = ()
    """E: the shape of one step's event."""
    suffixes: tuple[str, ...]
    """Endings of the files it reads and writes, the preferred one first: `(".wav", ".flac")`."""

    @abstractmethod
    def load(self, path: Path) -> Raw:
        """Read one file. Raises `DataError` with the path, what is wrong, and the cure."""

    @abstractmethod
    def encode(self, raw: Raw) -> Symbols:
        """Raw to symbols."""

    @abstractmethod
    def decode(self, x: Symbols) -> Raw:
        """Symbols to raw."""

    @abstractmethod
    def decoder(self) -> ArrayDecoder[Raw]:
        """`decode`, piece by piece."""

    @abstractmethod
    def save(self, raw: Raw, path: Path) -> None:
        """Write one file, in the format of its ending."""

    @abstractmethod
    def stream_format(self) -> StreamFormat[Raw]:
        """How to write decoded pieces to a pipe."""

    @abstractmethod
    def picture(self, raw: Raw, path: Path, title: str = "") -> None:
        """Draw a sequence to a PNG file."""

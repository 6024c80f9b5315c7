"""Chorales from a program: what the domain does without PyTorch.

Dimensions: T steps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wavegen.domain_player import ArrayDecoder, DomainPlayer, StreamFormat, Symbols

from .codec import AnyCodec, Codec, FlatCodec
from .config import ChoralesConfig
from .decoding import EventDecoder, NoteLines, grid_of
from .grid import DEFAULT_BPM, STEPS_PER_QUARTER, ChoraleGrid

STEPS_HZ = DEFAULT_BPM / 60 * STEPS_PER_QUARTER


class ChoralesPlayer(DomainPlayer[ChoraleGrid]):
    """Four voices; an event is one sixteenth of all of them, or of one where they are flat."""

    default_seconds = 16 * 16 / STEPS_HZ  # sixteen bars of 4/4
    suffixes = (".mid", ".midi", ".musicxml", ".xml", ".csv", ".wav", ".png", ".svg")

    def __init__(self, config: ChoralesConfig) -> None:
        self.config = config
        self.codec: AnyCodec = (FlatCodec if config.flat else Codec)(config.holds)
        self.n_classes = self.codec.n_classes
        self.event_shape = self.codec.event_shape
        self.rate_hz = STEPS_HZ * self.codec.symbols

    def load(self, path: Path) -> ChoraleGrid:
        """A piece in four voices, from MIDI, MusicXML or CSV."""
        from .reading import read

        return read(path).grid

    def encode(self, raw: ChoraleGrid) -> Symbols:
        """A grid to events `(T, 4)` in drawing order, or flat `(4 T,)`."""
        return self.codec.encode(raw)

    def decode(self, x: Symbols) -> ChoraleGrid:
        """Events to a grid of which nothing but the notes is known."""
        return grid_of(*self.codec.decode(np.asarray(x, np.int64)))

    def decoder(self) -> ArrayDecoder[ChoraleGrid]:
        """Each event is playable at once."""
        return EventDecoder(self.codec)

    def save(self, raw: ChoraleGrid, path: Path) -> None:
        """MIDI, CSV, MusicXML, sound, piano roll or score, by the ending."""
        from .writing import write

        write(raw, path)

    def stream_format(self) -> StreamFormat[ChoraleGrid]:
        """Lines of JSON, one a step."""
        return NoteLines()

    def picture(self, raw: ChoraleGrid, path: Path, title: str = "") -> None:
        """A piano roll."""
        from .roll import draw_roll

        draw_roll(raw, path, title)

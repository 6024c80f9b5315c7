"""Sound from a program: what the audio domain does without PyTorch.

Dimensions: T time.
"""

from __future__ import annotations

from pathlib import Path

from wavegen.domain_player import ArrayDecoder, DomainPlayer, StreamFormat, Symbols

from .codec import Samples, codec_of
from .config import AudioConfig
from .decoding import SampleDecoder, WavStream
from .sources import WRITTEN


class AudioPlayer(DomainPlayer[Samples]):
    """Mono sound; a symbol is one sample. The libraries for files are imported when one is met."""

    suffixes = WRITTEN

    def __init__(self, config: AudioConfig) -> None:
        self.config = config
        self.rate_hz = float(config.rate_hz)
        self.codec = codec_of(config)
        self.n_classes = self.codec.n_classes

    def load(self, path: Path) -> Samples:
        """One file, resampled, trimmed and levelled as in training: mono `(T,)`."""
        from .treatment import load

        return load(path, self.config)

    def encode(self, raw: Samples) -> Symbols:
        """Samples to symbols `(T,)`."""
        return self.codec.symbols(self.codec.store(raw))

    def decode(self, x: Symbols) -> Samples:
        """Symbols to samples `(T,)`."""
        return self.codec.samples(x)

    def decoder(self) -> ArrayDecoder[Samples]:
        """Each symbol is playable at once."""
        return SampleDecoder(self.codec)

    def save(self, raw: Samples, path: Path) -> None:
        """WAV and FLAC with 16 bits, Ogg Vorbis, MP3 or AIFF, by the ending."""
        from .writing import write

        write(raw, self.config.rate_hz, path)

    def stream_format(self) -> StreamFormat[Samples]:
        """A WAV without an end."""
        return WavStream(self.config.rate_hz)

    def picture(self, raw: Samples, path: Path, title: str = "") -> None:
        """Waveform and spectrogram."""
        from .picture import draw

        draw(raw, self.config.rate_hz, path, title)

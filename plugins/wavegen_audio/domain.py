"""The audio domain: recordings to symbols and back.

Dimensions: T time, C mel bands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wavegen.domain import Conditioner, Corpus, Decoder, Domain, StreamFormat, TensorDecoder
from wavegen.errors import DataError
from wavegen.heads import Head
from wavegen.splitting import SplitName

from .codec import Samples
from .config import AudioConfig
from .corpus import gather, labels_of, report, split
from .features import LogMel, MelStream
from .metrics import describe
from .pipeline import Pipeline
from .player import AudioPlayer
from .sources import SourceFile, find
from .splits import AudioSplit


class AudioDomain(Domain[Samples]):
    """Mono sound; a symbol is one sample, silence is the start symbol."""

    suffixes = AudioPlayer.suffixes

    def __init__(self, config: AudioConfig) -> None:
        self.config: AudioConfig = config
        self._player = AudioPlayer(config)
        self._codec = self._player.codec
        self.rate_hz = self._player.rate_hz
        self.labels = config.labels
        self._analysis = (
            LogMel(config.rate_hz, config.n_fft, config.hop, config.n_mels)
            if config.cond == "mel"
            else None
        )
        self._pipeline = Pipeline(config, self._codec, self._analysis)
        self.cond_channels = self._analysis.n_mels if self._analysis else 0
        self.start_cond = torch.zeros(self.cond_channels)  # log-mel frames of silence are 0
        self.start = self.encode(np.zeros(1, np.float32))[0]

    def head(self) -> Head:
        """The codec's."""
        return self._codec.head()

    def prepare(
        self,
        sources: Sequence[str],
        cache: Path,
        *,
        valid: Sequence[str] = (),
        test: Sequence[str] = (),
    ) -> Corpus:
        """Decode, resample, trim, level and encode each new file into the cache, then split."""
        named: dict[SplitName, list[SourceFile]] = {
            "train": find(sources, self.config.label_from),
            "valid": find(valid, self.config.label_from) if valid else [],
            "test": find(test, self.config.label_from) if test else [],
        }
        harvest = gather(self._pipeline, named, cache)
        labels = labels_of(harvest, self.config)
        sections = split(harvest, labels, self.config)
        train, valid_split, test_split = (
            AudioSplit(sections[name], self._codec, self.config.hop)
            for name in ("train", "valid", "test")
        )
        return Corpus(
            domain=AudioDomain(replace(self.config, labels=labels)),
            train=train,
            valid=valid_split,
            test=test_split,
            report=report(harvest, sections, self.config.rate_hz),
        )

    def load(self, path: Path) -> Samples:
        """One file, resampled, trimmed and levelled as in training: mono `(T,)`."""
        return self._player.load(path)

    def pieces(self, path: Path) -> Iterator[Samples]:
        """What a pipe brings, as it comes; a file as `load` gives it, block by block."""
        return self._pipeline.pieces(path)

    def save(self, raw: Samples, path: Path) -> None:
        """WAV and FLAC with 16 bits, Ogg Vorbis, MP3 or AIFF, by the ending."""
        self._player.save(raw, path)

    def encode(self, raw: Samples) -> Tensor:
        """Samples to symbols `(T,)`."""
        return torch.from_numpy(self._player.encode(raw))

    def decode(self, x: Tensor) -> Samples:
        """Symbols to samples `(T,)`."""
        return self._player.decode(x.cpu().numpy())

    def conditions(self, raw: Samples) -> Tensor | None:
        """Log-mel rows `(T, C)`, or None."""
        if self._analysis is None:
            return None
        stream = MelStream(self._analysis)
        return torch.cat([stream.push(raw), stream.finish()])

    def conditioner(self) -> Conditioner[Samples]:
        """Log-mel rows while the recording arrives."""
        if self._analysis is None:
            raise DataError("this model takes no recording as condition; train with cond=mel")
        return MelStream(self._analysis)

    def decoder(self) -> Decoder[Samples]:
        """Each symbol is playable at once."""
        return TensorDecoder(self._player.decoder())

    def stream_format(self) -> StreamFormat[Samples]:
        """A WAV without an end."""
        return self._player.stream_format()

    def picture(self, raw: Samples, path: Path, title: str = "") -> None:
        """Waveform and spectrogram."""
        self._player.picture(raw, path, title)

    def metrics(self, sequences: Sequence[Tensor]) -> dict[str, float]:
        """Level, clipping, silence, brightness and noisiness."""
        return describe([self.decode(x) for x in sequences], self.config.rate_hz)

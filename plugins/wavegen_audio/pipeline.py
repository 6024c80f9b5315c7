"""From recordings to the cache: decoded, treated and stored.

Dimensions: T time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from wavegen.config import to_dict

from .cache import Cache, Facts, Writer
from .codec import Codec, Samples
from .config import AudioConfig
from .features import LogMel, frame_pieces
from .reading import Recording, is_pipe, recording
from .treatment import load, treat

_FORMAT = 1  # of what is stored; another number makes every cache start anew
_STORED_BY = (
    "rate_hz", "channel", "output", "classes", "levels", "normalise", "trim_dbfs", "cond",
    "n_mels", "n_fft", "hop",
)  # fmt: skip
_FOLLOWED_SAMPLES = 2**12  # a quarter of a second or so, so that following begins at once


@dataclass(frozen=True)
class Pipeline:
    """The settings, and the two things that are made of them."""

    config: AudioConfig
    codec: Codec
    analysis: LogMel | None

    def pieces(self, path: Path) -> Iterator[Samples]:
        """One recording `(T,)` in short pieces. One that arrives through a pipe is neither trimmed
        nor levelled: that takes its end.
        """
        config = self.config
        if is_pipe(path):
            with recording(path) as source:
                for block in source.blocks(config.rate_hz, config.channel):
                    yield np.clip(block, -1, 1)
            return
        samples = load(path, self.config)
        for start in range(0, len(samples), _FOLLOWED_SAMPLES):
            yield samples[start : start + _FOLLOWED_SAMPLES]

    def cache(self, folder: Path) -> Cache:
        """What was prepared with these settings before; other settings have another folder."""
        values = to_dict(self.config)
        chosen = {"format": _FORMAT, **{name: values[name] for name in _STORED_BY}}
        key = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]
        return Cache(folder / key, self.codec.stored, self.analysis.n_mels if self.analysis else 0)

    def prepare(self, path: Path, digest: str, writer: Writer, spool: IO[bytes]) -> None:
        """Decode one file to the temporary file `spool`, and what is kept of it to the cache."""
        rate_hz = self.config.rate_hz
        with recording(path) as source:
            treated = treat(_spooled(source, self.config, spool), self.config, path)
        facts = Facts(
            length=len(treated),
            seconds_found=len(treated.raw) / rate_hz,
            seconds_kept=len(treated) / rate_hz,
            rate_hz=source.rate_hz,
            channels=source.channels,
            note=source.note,
        )
        stored = (self.codec.store(piece) for piece in treated.pieces())
        frames = frame_pieces(treated.pieces(), self.analysis) if self.analysis else ()
        writer.add(digest, facts, stored, frames)


def _spooled(source: Recording, config: AudioConfig, spool: IO[bytes]) -> Samples:
    """The mono samples of a recording, on disk: an hour never lies in memory whole."""
    spool.seek(0)
    spool.truncate()
    for block in source.blocks(config.rate_hz, config.channel):
        spool.write(block.data)
    spool.flush()
    length = spool.tell() // 4
    if not length:  # nothing cannot be mapped
        return np.zeros(0, np.float32)
    return np.memmap(spool, dtype=np.float32, mode="r", shape=(length,))

"""Streams of sound: symbols to samples as they come, and samples to the bytes of an endless WAV.

Dimensions: T time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from wavegen.domain_player import ArrayDecoder, LiveOutput, StreamFormat, Symbols
from wavegen.sound_output import SoundOutput

from .codec import Codec, Samples

_OPEN_ENDED = 0xFFFFFFFF  # players then read on until the pipe is closed


class SampleDecoder(ArrayDecoder[Samples]):
    """One symbol is one sample, so nothing is ever held back."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def push(self, x: Symbols) -> Samples:
        """Symbols `(T,)` to their samples."""
        return self._codec.samples(x)

    def finish(self) -> Samples:
        """Nothing."""
        return np.zeros(0, np.float32)


class WavStream(StreamFormat[Samples]):
    """Mono 16-bit WAV whose length is unknown at first."""

    kind, media_type = "samples", "audio/wav"

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._form = struct.pack("<HHIIHH", 1, 1, rate_hz, 2 * rate_hz, 2, 16)  # PCM, mono
        self.header = self._header(_OPEN_ENDED, _OPEN_ENDED)

    def final_header(self, n_bytes: int) -> bytes:
        """The header of an ordinary WAV; beyond 4 GiB it stays open-ended."""
        n_file = n_bytes + len(self.header) - 8
        return self._header(n_file, n_bytes) if n_file < _OPEN_ENDED else self.header

    def _header(self, n_file: int, n_data: int) -> bytes:
        return (
            struct.pack("<4sI4s4sI", b"RIFF", n_file, b"WAVE", b"fmt ", len(self._form))
            + self._form
            + struct.pack("<4sI", b"data", n_data)
        )

    def pack(self, piece: Samples) -> bytes:
        """Little-endian 16-bit samples."""
        return pcm16(piece).tobytes()

    def encodings(self) -> Mapping[str, Callable[[Samples], bytes]]:
        """16-bit samples, as a file has them, or 32-bit floats between -1 and 1."""
        return {"s16le": self.pack, "f32le": lambda piece: piece.astype("<f4").tobytes()}

    def sound_output(self) -> LiveOutput[Samples]:
        """The samples as they are."""
        return SoundOutput(self._rate_hz)


def pcm16(samples: Samples) -> npt.NDArray[np.int16]:
    """The nearest 16-bit value of each sample; full scale is 32768, as libsndfile reads it."""
    return np.clip(np.rint(samples * 32_768), -32_768, 32_767).astype("<i2")

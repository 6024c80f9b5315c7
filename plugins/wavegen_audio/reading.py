"""One safe reader for sound files that nobody has vouched for: block by block, under caps.

A header is a claim. Nothing is allocated by it, and the caps hold for what it claims and again for
what arrives.

Dimensions: T time, N channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from wavegen.errors import DataError

from .codec import Samples

MAX_HOURS = 24
"""Longest recording that is read; ten kilobytes of FLAC can hold days of silence."""
MAX_CHANNELS = 64
MAX_RATE_HZ = 768_000
MIN_RATE_HZ = 100
MAX_PEAK = 16.0
"""Float samples beyond this are no sound between -1 and 1 with some headroom."""
_BLOCK_FRAMES = 4_096  # a damaged FLAC loses the block in which the damage lies, so keep it small
_UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's word for a stream that did not know its length
_OPEN_ENDED = (0, 0xFFFFFFFF)  # what a WAV that was written to a pipe says of its size


class _Stream(soundfile.SoundFile):
    """A file that is only read onward.

    libsndfile moves on by itself. The seek that soundfile adds after each block fails in a FLAC
    that was cut, or whose header gives a wrong or no length, and what was decoded would be lost.
    """

    def seekable(self) -> bool:
        return False


@dataclass
class Recording:
    """One file as it is read; `note` and `seconds` are complete once `blocks` is exhausted."""

    path: Path
    rate_hz: int
    channels: int
    claimed_frames: int | None
    """Length by the header; None where the file does not say."""
    cut: bool
    """Whether the file is shorter than its own header says."""
    frames: int = 0
    """What has arrived so far."""
    note: str = ""
    """What was wrong with a file that could be used in part."""
    _file: _Stream | None = None

    @property
    def seconds(self) -> float:
        """Length of what has arrived."""
        return self.frames / self.rate_hz

    def blocks(self, rate_hz: int, channel: str) -> Iterator[Samples]:
        """Mono pieces `(T,)` at `rate_hz`; `channel` is "mix" or a number."""
        if channel != "mix" and int(channel) >= self.channels:
            raise DataError(
                f"{self.path}: has {self.channels} channel(s), so channel {channel} does not "
                "exist (the first is 0); set domain.channel to another or to mix"
            )
        column = slice(None) if channel == "mix" else slice(int(channel), int(channel) + 1)
        mono = (block[:, column].mean(axis=1, dtype=np.float32) for block in self._decoded())
        if self.rate_hz == rate_hz:
            yield from mono
            return
        resampler = soxr.ResampleStream(self.rate_hz, rate_hz, 1, dtype="float32", quality="HQ")
        for block in mono:
            yield resampler.resample_chunk(block)
        yield resampler.resample_chunk(np.empty(0, np.float32), last=True)

    def _decoded(self) -> Iterator[Samples]:
        """Pieces `(T, N)` at the file's own rate; each is valid until the next is asked for."""
        assert self._file is not None
        buffer = np.empty((_BLOCK_FRAMES, self.channels), np.float32)
        damage = ""
        while True:
            try:
                block = buffer[: len(self._file.read(out=buffer))]
            except soundfile.LibsndfileError as error:
                damage = error.error_string
                break
            if not len(block):
                break
            peak = np.abs(block).max()
            if not peak <= MAX_PEAK:  # NaN fails every comparison
                raise DataError(
                    f"{self.path}: holds a sample of {peak} near second {self.seconds:.2f}, where "
                    "full scale is 1; repair or rescale the file, or leave it out"
                )
            self.frames += len(block)
            _refuse_long(self.path, self.frames, self.rate_hz, "holds")
            yield block
        if not self.frames:
            raise DataError(f"{self.path}: {damage or 'holds no samples'}; leave the file out")
        if damage:
            self.note = f"damaged after {self.seconds:.2f} s ({damage}); the start was kept"
        elif self.cut or (self.claimed_frames or 0) > self.frames:
            self.note = f"cut short: the header promises more than the {self.seconds:.2f} s kept"


@contextmanager
def recording(path: Path) -> Iterator[Recording]:
    """Open one file. Raises `DataError` where it is missing, no sound, or beyond the caps."""
    if not is_pipe(path) and not path.is_file():
        what = "is not a regular file" if path.exists() else "does not exist"
        raise DataError(f"{path}: {what}; give a sound file such as a WAV or FLAC")
    try:
        cut = not is_pipe(path) and _is_cut(path)
        file = _Stream(path)  # libsndfile knows `-` itself
    except (OSError, soundfile.SoundFileError, TypeError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else "not a readable sound file"
        good = "WAV" if is_pipe(path) else "WAV, FLAC, Ogg, MP3, AIFF or what else libsndfile reads"
        raise DataError(f"{path}: {what}; give {good}") from error
    with file:
        is_unknown = is_pipe(path) or file.frames >= _UNKNOWN_FRAMES
        frames = None if is_unknown else file.frames
        checks = {
            f"{file.channels} channels": 1 <= file.channels <= MAX_CHANNELS,
            f"{file.samplerate} samples/s": MIN_RATE_HZ <= file.samplerate <= MAX_RATE_HZ,
        }
        for claim, good in checks.items():
            if not good:
                raise DataError(
                    f"{path}: the header says {claim}; read are 1 to {MAX_CHANNELS} channels at "
                    f"{MIN_RATE_HZ} to {MAX_RATE_HZ} samples/s"
                )
        _refuse_long(path, frames or 0, file.samplerate, "claims in its header")
        yield Recording(path, file.samplerate, file.channels, frames, cut, _file=file)


def is_pipe(path: Path) -> bool:
    """Whether a recording arrives as it is made: `-` is standard input."""
    return str(path) == "-" or path.is_fifo()


def _refuse_long(path: Path, frames: int, rate_hz: int, verb: str) -> None:
    """Raise `DataError` beyond `MAX_HOURS`."""
    if frames > MAX_HOURS * 3600 * rate_hz:
        raise DataError(
            f"{path}: {verb} {frames} samples a channel, {frames / rate_hz / 3600:.1f} hours; at "
            f"most {MAX_HOURS} hours are read: split it, or mend a damaged header by re-encoding"
        )


def _is_cut(path: Path) -> bool:
    """Whether a WAV is shorter than it says: libsndfile reads it without a word."""
    with path.open("rb") as file:
        start = file.read(12)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        return False
    promised = int.from_bytes(start[4:8], "little")
    return promised not in _OPEN_ENDED and promised + 8 > path.stat().st_size

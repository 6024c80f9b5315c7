"""Log-mel frames as per-step condition: of a whole recording, or while it arrives.

A frame equals librosa's `melspectrogram(y, sr, n_fft, hop_length, n_mels)`, in decibels, brought to
about [0, 1]. Sample t has the condition of frame t // hop, whose window is centred on the first
of the frame's samples. The spectra are computed by torch, on the device of the tensors given.

Frames are computed in blocks of 16 with frame f always in slot f % 16: then a frame passes through
the very same arithmetic however the recording is cut, and equals the whole one's bit for bit.

Dimensions: T time, F frames, W samples of a window, C mel bands.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wavegen.domain import Conditioner
from wavegen.errors import ConfigError

from .codec import Samples

_BLOCK = 16
_FLOOR_DB, _SPAN_DB = -80.0, 120.0  # just above 16-bit rounding noise; 40 dB is a loud vowel


class LogMel:
    """The analysis: windows of samples to frames."""

    def __init__(
        self, rate_hz: int, n_fft: int, hop: int, n_mels: int, device: torch.device | str = "cpu"
    ) -> None:
        self.n_fft, self.hop, self.n_mels = n_fft, hop, n_mels
        self._window = torch.hann_window(n_fft, device=device)
        self._bands = mel_bands(rate_hz, n_fft, n_mels).to(device)

    def frames(self, windows: Tensor) -> Tensor:
        """Windows `(F, W)` to frames `(F, C)`; silence is 0."""
        spectra = torch.fft.rfft(windows * self._window)
        power = spectra.real.square() + spectra.imag.square()
        decibels = 10 * (power @ self._bands).clamp_min(10 ** (_FLOOR_DB / 10)).log10()
        return (decibels - _FLOOR_DB) / _SPAN_DB


@cache
def mel_bands(rate_hz: int, n_fft: int, n_mels: int) -> Tensor:
    """librosa's triangular bands, `(W / 2 + 1, C)`."""
    try:
        from librosa.filters import mel
    except ImportError as error:
        raise ConfigError(
            "mel features need librosa, which is not installed; pip install 'wavegen[audio]'"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty bands: below they are an error
        bands = mel(sr=rate_hz, n_fft=n_fft, n_mels=n_mels)
    if not bands.any(axis=1).all():
        raise ConfigError(
            f"domain.n_mels is {n_mels}: bands that narrow fall between the lines of a spectrum of "
            f"n_fft = {n_fft} samples at {rate_hz} Hz; lower n_mels or raise n_fft"
        )
    return torch.from_numpy(np.ascontiguousarray(bands.T))


class MelStream(Conditioner[Samples]):
    """Frames and rows of a recording that arrives in pieces of any size."""

    def __init__(self, analysis: LogMel) -> None:
        self._analysis = analysis
        half = analysis.n_fft // 2
        self.latency = half - 1
        # Sounds before the first sample are zero. `_tail[0]` is sample `_next * hop - half`.
        self._tail = np.zeros(half, np.float32)
        self._next = 0
        self._heard = 0
        self._emitted = 0
        self._pending = torch.zeros(0, analysis.n_mels)

    def push(self, piece: Samples) -> Tensor:
        """The rows `(T, C)` that the next samples complete."""
        self._pending = torch.cat([self._pending, self.push_frames(piece)])
        return self._rows()

    def finish(self) -> Tensor:
        """The rows still held back: what would have come is taken as silence."""
        self._pending = torch.cat([self._pending, self.finish_frames()])
        return self._rows()

    def push_frames(self, piece: Samples) -> Tensor:
        """The frames `(F, C)` that the next samples complete."""
        self._heard += len(piece)
        self._tail = np.concatenate([self._tail, piece])
        return self._complete_frames()

    def finish_frames(self) -> Tensor:
        """The frames still held back; there are ceil(T / hop) in all."""
        missing = -(-self._heard // self._analysis.hop) - self._next
        self._tail = np.concatenate([self._tail, np.zeros(self._analysis.n_fft, np.float32)])
        return self._complete_frames(missing)

    def _complete_frames(self, at_most: int | None = None) -> Tensor:
        """All frames whose windows lie in the tail, which then forgets what none needs again."""
        n_fft, hop = self._analysis.n_fft, self._analysis.hop
        count = max(0, (len(self._tail) - n_fft) // hop + 1)
        count = count if at_most is None else min(count, at_most)
        made = [torch.zeros(0, self._analysis.n_mels)]
        done = 0
        while done < count:
            slot = self._next % _BLOCK
            n = min(_BLOCK - slot, count - done)
            windows = torch.zeros(_BLOCK, n_fft)
            part = torch.from_numpy(self._tail[done * hop : (done + n - 1) * hop + n_fft])
            windows[slot : slot + n] = part.unfold(0, n_fft, hop)
            made.append(self._analysis.frames(windows)[slot : slot + n])
            done, self._next = done + n, self._next + n
        self._tail = self._tail[count * hop :]
        return torch.cat(made)

    def _rows(self) -> Tensor:
        """Frames, repeated to the sample rate, of the samples that have been heard."""
        hop = self._analysis.hop
        known = min(self._heard, self._next * hop)
        first = self._emitted // hop
        steps = torch.arange(self._emitted, known)
        rows = self._pending[steps // hop - first]
        self._pending = self._pending[known // hop - first :]
        self._emitted = known
        return rows


def frame_pieces(pieces: Iterable[Samples], analysis: LogMel) -> Iterator[npt.NDArray[np.float32]]:
    """All frames of a recording, `(F, C)` piece by piece, so that it need not lie in memory."""
    stream = MelStream(analysis)
    for piece in pieces:
        yield stream.push_frames(piece).numpy()
    yield stream.finish_frames().numpy()

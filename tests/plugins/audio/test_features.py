"""Log-mel frames: librosa's numbers, on torch, whole or piece by piece."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wavegen_audio import features
from wavegen_audio.features import LogMel, MelStream, frame_pieces

from wavegen.errors import ConfigError

Make = Callable[[int, int], np.ndarray]
RATE_HZ, N_FFT, HOP, N_MELS = 16_000, 512, 128, 40


@pytest.fixture(scope="module")
def analysis() -> LogMel:
    pytest.importorskip("librosa")
    return LogMel(RATE_HZ, N_FFT, HOP, N_MELS)


@pytest.mark.parametrize(
    ("rate_hz", "n_fft", "hop", "n_mels"), [(16_000, 1024, 256, 80), (8000, 400, 90, 30)]
)
def test_the_numbers_are_librosas(
    chirp: Make, rate_hz: int, n_fft: int, hop: int, n_mels: int
) -> None:
    librosa = pytest.importorskip("librosa")
    sound = chirp(12_345, 2)
    power = librosa.feature.melspectrogram(
        y=sound, sr=rate_hz, n_fft=n_fft, hop_length=hop, n_mels=n_mels
    )
    decibels = 10 * np.log10(np.maximum(power, 1e-8))
    frames = np.concatenate(list(frame_pieces([sound], LogMel(rate_hz, n_fft, hop, n_mels))))
    assert len(frames) == -(-len(sound) // hop)
    np.testing.assert_allclose(frames, (decibels.T[: len(frames)] + 80) / 120, atol=1e-4)
    assert frames.min() >= 0
    assert 0.3 < frames.max() < 1


def test_silence_is_zero(analysis: LogMel) -> None:
    frames = np.concatenate(list(frame_pieces([np.zeros(1000, np.float32)], analysis)))
    assert (frames == 0).all()


def test_a_row_is_the_frame_that_its_sample_lies_in(analysis: LogMel, chirp: Make) -> None:
    sound = chirp(1000, 1)
    stream = MelStream(analysis)
    rows = torch.cat([stream.push(sound), stream.finish()])
    frames = np.concatenate(list(frame_pieces([sound], analysis)))
    assert np.array_equal(rows.numpy(), frames[np.arange(1000) // HOP])


@settings(max_examples=60, deadline=2000, suppress_health_check=[HealthCheck.differing_executors])
@given(st.lists(st.integers(0, 900), min_size=1, max_size=12), st.integers(0, 99))
def test_pieces_equal_the_whole_bit_for_bit(analysis: LogMel, sizes: list[int], seed: int) -> None:
    sound = np.random.default_rng(seed).normal(0, 0.1, sum(sizes)).astype(np.float32)
    whole = MelStream(analysis)
    expected = torch.cat([whole.push(sound), whole.finish()])
    stream, start, rows = MelStream(analysis), 0, []
    for size in sizes:
        rows.append(stream.push(sound[start : start + size]))
        start += size
        assert sum(map(len, rows)) >= start - stream.latency
    rows.append(stream.finish())
    assert len(expected) == len(sound)
    assert torch.equal(torch.cat(rows), expected)


def test_the_declared_latency_is_the_true_one(analysis: LogMel) -> None:
    """The row of step t needs the inputs up to t + latency, and some row needs them all."""
    sound = np.random.default_rng(0).normal(0, 0.1, 4 * N_FFT).astype(np.float32)
    stream, late = MelStream(analysis), []
    known = 0
    for heard in range(1, len(sound) + 1):
        for _ in range(len(stream.push(sound[heard - 1 : heard]))):
            late.append(heard - 1 - known)
            known += 1
    assert max(late) == stream.latency == N_FFT // 2 - 1


def test_without_librosa_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    features.mel_bands.cache_clear()
    monkeypatch.setitem(sys.modules, "librosa.filters", None)
    with pytest.raises(ConfigError, match=r"pip install 'wavegen\[audio\]'"):
        LogMel(RATE_HZ, N_FFT, HOP, N_MELS)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_the_same_on_a_gpu(analysis: LogMel) -> None:
    windows = torch.randn(16, N_FFT) * 0.1
    there = LogMel(RATE_HZ, N_FFT, HOP, N_MELS, device="cuda").frames(windows.cuda())
    torch.testing.assert_close(there.cpu(), analysis.frames(windows), atol=1e-4, rtol=0)

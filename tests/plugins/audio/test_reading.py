"""The reader of untrusted files: caps, damage, and what it makes of honest ones."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wavegen_audio.config import AudioConfig
from wavegen_audio.domain import AudioDomain
from wavegen_audio.reading import MAX_HOURS, Recording, recording

from wavegen.errors import DataError

Make = Callable[[int, int], np.ndarray]


def read(path: Path, rate_hz: int = 16_000, channel: str = "mix") -> tuple[np.ndarray, Recording]:
    with recording(path) as source:
        blocks = list(source.blocks(rate_hz, channel))
    return np.concatenate(blocks), source


def claim(path: Path, frames: int) -> None:
    """Write another length into a FLAC's header."""
    content = bytearray(path.read_bytes())
    content[21] = (content[21] & 0xF0) | (frames >> 32)
    content[22:26] = struct.pack(">I", frames & 0xFFFFFFFF)
    path.write_bytes(content)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64"])
def test_formats(ending: str, tmp_path: Path, chirp: Make) -> None:
    sound = chirp(16_000, 1)
    path = tmp_path / f"x.{ending}"
    soundfile.write(path, sound, 16_000)
    got, source = read(path)
    assert source.note == ""
    assert len(got) == len(sound)
    quiet = 0.1 if ending in ("ogg", "mp3") else 1e-4
    assert np.sqrt(np.mean((got - sound) ** 2)) < quiet


def test_24_bit_six_channels_at_96_khz(tmp_path: Path, chirp: Make) -> None:
    path = tmp_path / "x.wav"
    channels = np.stack([chirp(96_000, n) for n in range(6)], axis=1)
    soundfile.write(path, channels, 96_000, subtype="PCM_24")
    mixed, source = read(path, 96_000)
    assert (source.channels, source.rate_hz) == (6, 96_000)
    np.testing.assert_allclose(mixed, channels.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(read(path, 96_000, "4")[0], channels[:, 4], atol=1e-6)
    whole = soxr.resample(channels.mean(axis=1), 96_000, 16_000, "HQ")
    resampled = read(path)[0]
    assert len(resampled) == 16_000
    np.testing.assert_allclose(resampled, whole, atol=1e-4)


def test_a_channel_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros((100, 2)), 16_000)
    with pytest.raises(DataError, match=r"has 2 channel\(s\), so channel 2 does not exist"):
        read(path, channel="2")


def test_a_cut_wav_is_kept_with_a_word(tmp_path: Path, chirp: Make) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, chirp(16_000, 1), 16_000)
    path.write_bytes(path.read_bytes()[: 44 + 2 * 8000])
    got, source = read(path)
    assert len(got) == 8000
    assert "cut short: the header promises more than the 0.50 s kept" in source.note


def test_a_wav_from_a_pipe_is_whole(tmp_path: Path, chirp: Make) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, chirp(5000, 1), 16_000)
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    got, source = read(path)
    assert (len(got), source.note) == (5000, "")


def test_a_cut_flac_is_kept_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    noise = np.random.default_rng(0).normal(0, 0.1, 60_000)
    soundfile.write(path, noise, 16_000)
    path.write_bytes(path.read_bytes()[:60_000])
    got, source = read(path)
    assert 16_000 < len(got) < 60_000
    np.testing.assert_allclose(got, noise[: len(got)], atol=1e-4)
    assert "the start was kept" in source.note


def test_a_flac_that_claims_2_to_the_36_samples(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, np.zeros(1000), 16_000)
    claim(path, 2**36 - 1)
    with pytest.raises(DataError, match=r"claims in its header 68719476735 .* at most 24 hours"):
        read(path)


def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path: Path, chirp: Make) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, chirp(20_000, 1), 16_000)
    claim(path, 0)
    got, source = read(path)
    assert (len(got), source.note, source.claimed_frames) == (20_000, "", None)


def test_days_of_silence_of_unknown_length(tmp_path: Path) -> None:
    """What arrives is under the same cap as what is claimed."""
    path = tmp_path / "x.flac"
    with soundfile.SoundFile(path, "w", 100, 1, compression_level=1.0) as file:
        for _ in range(MAX_HOURS + 1):
            file.write(np.zeros(3600 * 100, np.int16))
    claim(path, 0)
    arrived = 0
    with recording(path) as source:
        blocks = source.blocks(100, "mix")
        message = r"holds 86\d{5} samples a channel, 24\.0 hours"
        with pytest.raises(DataError, match=message):  # noqa: PT012
            while True:
                arrived += len(next(blocks))
    assert MAX_HOURS - 1 < arrived / 360_000 <= MAX_HOURS


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 32_767.0])
def test_numbers_that_are_no_sound(tmp_path: Path, value: float) -> None:
    path = tmp_path / "x.wav"
    sound = np.zeros(32_000, np.float32)
    sound[20_000] = value
    soundfile.write(path, sound, 16_000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"holds a sample of (nan|inf|32767\.0) near second 1\.0"):
        read(path)


def test_files_that_are_no_sound(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("RIFF, it says")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    wide = bytearray(bytes(44))
    soundfile.write(tmp_path / "wide.wav", np.zeros((10, 1)), 16_000)
    wide = bytearray((tmp_path / "wide.wav").read_bytes())
    wide[22:24] = struct.pack("<H", 1000)
    wide[32:34] = struct.pack("<H", 2000)
    (tmp_path / "wide.wav").write_bytes(wide)
    for name, why in {
        "text.wav": "not a readable sound file",
        "empty.wav": "not a readable sound file",
        "folder.wav": "not a regular file",
        "missing.wav": "does not exist",
        "none.wav": "holds no samples",
        "wide.wav": "1000 channels|not a readable sound file",
        "name\0.wav": "does not exist",
    }.items():
        with pytest.raises(DataError, match=why) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_pipe_is_followed_but_is_nothing_to_train_on(tmp_path: Path, chirp: Make) -> None:
    sound, pipe = chirp(20_000, 1), tmp_path / "pipe.wav"
    soundfile.write(tmp_path / "x.wav", sound, 16_000)
    os.mkfifo(pipe)
    domain = AudioDomain(AudioConfig())
    with pytest.raises(DataError, match=r"pipe\.wav: is not a regular file; save what it gives"):
        domain.prepare([str(pipe)], tmp_path / "cache")
    content = (tmp_path / "x.wav").read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    got = np.concatenate(list(domain.pieces(pipe)))
    writer.join()
    assert np.array_equal(got, np.concatenate(list(domain.pieces(tmp_path / "x.wav"))))


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One short file of each common format."""
    home = tmp_path_factory.mktemp("honest")
    noise = np.random.default_rng(0).normal(0, 0.1, (3000, 2))
    found = {}
    for ending in ("wav", "flac", "ogg", "aiff"):
        soundfile.write(home / f"x.{ending}", noise, 16_000)
        found[ending] = (home / f"x.{ending}").read_bytes()
    return found


@settings(
    max_examples=150,
    deadline=2000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    ending=st.sampled_from(["wav", "flac", "ogg", "aiff"]),
    hits=st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=8),
    in_header=st.booleans(),
    keep=st.integers(0, 100),
)
def test_damage_is_a_data_error_or_sound(
    honest: dict[str, bytes],
    tmp_path: Path,
    ending: str,
    hits: list[tuple[int, int]],
    in_header: bool,
    keep: int,
) -> None:
    content = bytearray(honest[ending])
    for place, value in hits:
        content[place % (100 if in_header else len(content))] = value
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content[: max(1, len(content) * keep // 100)] if keep < 90 else content)
    try:
        got, _ = read(path)
    except DataError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017 (whether it raises is free)
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert np.isfinite(got).all()

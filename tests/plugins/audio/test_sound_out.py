"""Sound out: files, streams, pictures, metrics; and the levels that recordings are brought to."""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from wavegen_audio.config import AudioConfig
from wavegen_audio.decoding import pcm16
from wavegen_audio.domain import AudioDomain
from wavegen_audio.level import gain, sounding_part
from wavegen_audio.metrics import describe, mel_distance
from wavegen_audio.writing import write

from wavegen.errors import ConfigError, DataError

Make = Callable[[int, int], np.ndarray]


@pytest.fixture
def domain() -> AudioDomain:
    return AudioDomain(AudioConfig(rate_hz=16_000))


@pytest.mark.parametrize(
    ("ending", "form", "subtype"),
    [
        ("wav", "WAV", "PCM_16"),
        ("flac", "FLAC", "PCM_16"),
        ("ogg", "OGG", "VORBIS"),
        ("MP3", "MP3", "MPEG_LAYER_III"),
        ("aiff", "AIFF", "PCM_16"),
    ],
)
def test_the_ending_is_the_format(
    domain: AudioDomain, tmp_path: Path, chirp: Make, ending: str, form: str, subtype: str
) -> None:
    path = tmp_path / f"x.{ending}"
    domain.save(chirp(20_000, 1), path)
    info = soundfile.info(path)
    assert (info.format, info.subtype) == (form, subtype)
    assert (info.samplerate, info.channels, info.frames) == (16_000, 1, 20_000)
    assert list(tmp_path.iterdir()) == [path]


def test_every_code_survives_a_wav(domain: AudioDomain, tmp_path: Path) -> None:
    codes = torch.arange(256)
    domain.save(domain.decode(codes), tmp_path / "x.wav")
    assert torch.equal(domain.encode(domain.load(tmp_path / "x.wav")), codes)


def test_minutes_of_ogg(tmp_path: Path) -> None:
    write(np.zeros(16_000 * 300, np.float32), 16_000, tmp_path / "x.ogg")
    assert soundfile.info(tmp_path / "x.ogg").frames == 16_000 * 300


def test_places_that_cannot_be_written(domain: AudioDomain, tmp_path: Path) -> None:
    sound = np.zeros(10, np.float32)
    with pytest.raises(DataError, match=r"cannot write '\.txt'; use \.wav, \.flac"):
        domain.save(sound, tmp_path / "x.txt")
    with pytest.raises(DataError, match=r"the folder .*nowhere does not exist; choose another"):
        domain.save(sound, tmp_path / "nowhere" / "x.wav")
    (tmp_path / "x.wav").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        domain.save(sound, tmp_path / "x.wav")
    assert [p.name for p in tmp_path.iterdir()] == ["x.wav"]


def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    """The limit on the size of a file stands in for the end of the disk."""
    path = tmp_path / "x.wav"
    path.write_bytes(b"old")
    code = f"""
import resource, signal
import numpy as np
from pathlib import Path
from wavegen.errors import DataError
from wavegen_audio.writing import write

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write(np.zeros(200_000, np.float32), 16_000, Path({str(path)!r}))
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "the disk may be full" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_stream_is_a_wav_that_players_read(domain: AudioDomain, chirp: Make) -> None:
    form, sound = domain.stream_format(), chirp(5000, 1)
    assert len(form.header) == 44
    assert form.header[4:8] == form.header[40:44] == b"\xff\xff\xff\xff"
    content = form.header + form.pack(sound[:1234]) + form.pack(sound[1234:])
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        assert (file.samplerate, file.channels, file.subtype) == (16_000, 1, "PCM_16")
        np.testing.assert_allclose(file.read(), sound, atol=2**-15)
    # Python's own reader of the header agrees, byte for byte, where the sizes are filled in.
    finished = bytearray(content)
    finished[4:8] = (len(content) - 8).to_bytes(4, "little")
    finished[40:44] = (len(content) - 44).to_bytes(4, "little")
    with wave.open(io.BytesIO(finished)) as file:
        assert file.getparams()[:4] == (1, 2, 16_000, 5000)
    assert form.final_header(2 * 5000) == finished[:44]
    assert form.final_header(2**32) == form.header


def test_full_scale_does_not_wrap() -> None:
    assert pcm16(np.array([-2, -1, 0, 1, 2], np.float32)).tolist() == [
        -32_768, -32_768, 0, 32_767, 32_767,
    ]  # fmt: skip


def test_a_picture_without_matplotlib(
    domain: AudioDomain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"pip install 'wavegen\[plot\]'"):
        domain.picture(np.zeros(100, np.float32), tmp_path / "x.png")


@pytest.mark.parametrize("samples", [1, 300, 70_000])
def test_pictures_of_any_length(domain: AudioDomain, tmp_path: Path, samples: int) -> None:
    pytest.importorskip("matplotlib")
    domain.picture(np.zeros(samples, np.float32), tmp_path / "x.png", "$ a_title that is no TeX")
    assert (tmp_path / "x.png").stat().st_size > 5000
    with pytest.raises(DataError, match="nothing to draw"):
        domain.picture(np.zeros(0, np.float32), tmp_path / "y.png")
    with pytest.raises(DataError, match="choose another place"):
        domain.picture(np.zeros(9, np.float32), tmp_path / "nowhere" / "x.png")


def test_metrics_of_a_tone() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000 + 0.1)).astype(np.float32)
    found = describe([tone, tone], 16_000)
    assert found["seconds"] == 2
    assert found["rms_dbfs"] == pytest.approx(-9.03, abs=0.01)
    assert found["peak"] == pytest.approx(0.5, abs=0.01)
    assert found["zero_crossings_per_s"] == pytest.approx(2000, abs=2)
    assert found["centroid_hz"] == pytest.approx(1000, abs=5)
    assert found["flatness"] < 0.01
    assert found["clipped_share"] == found["silent_share"] == 0


def test_metrics_of_noise_and_silence() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 16_000).astype(np.float32)
    found = describe([noise, np.zeros(16_000, np.float32)], 16_000)
    assert found["silent_share"] == 0.5
    assert found["flatness"] > 0.5
    assert found["centroid_hz"] == pytest.approx(4000, abs=150)
    assert found["clipped_share"] == pytest.approx(0.0005, abs=0.0005)
    assert describe([], 16_000) == {"seconds": 0.0}


def test_mel_distance_tells_voices_apart(chirp: Make) -> None:
    pytest.importorskip("librosa")
    low, high = [chirp(8000, n) for n in range(4)], [chirp(8000, n) for n in range(30, 34)]
    assert mel_distance(low, low, 8000) == 0
    assert mel_distance(low[:2], low[2:], 8000) < mel_distance(low, high, 8000) / 2


def test_peak_and_loudness() -> None:
    rng = np.random.default_rng(0)
    sound = np.concatenate([rng.normal(0, 0.01, 16_000), np.zeros(160_000)]).astype(np.float32)
    sound[5000] = 0.1
    assert np.abs(sound * gain(sound, 16_000, "peak")).max() == pytest.approx(10 ** (-1 / 20))
    spoken = sound[:16_000] * gain(sound, 16_000, "loudness")
    assert 20 * np.log10(np.sqrt(np.mean(spoken**2))) == pytest.approx(-23, abs=0.2)
    assert gain(sound, 16_000, "none") == 1
    assert gain(np.zeros(500, np.float32), 16_000, "peak") == 1
    click = np.zeros(16_000, np.float32)
    click[100] = 0.5
    assert np.abs(click * gain(click, 16_000, "loudness")).max() <= 1


def test_trimming_keeps_the_sound_and_a_margin() -> None:
    sound = np.zeros(16_000 * 3, np.float32)
    sound[16_000:24_000] = 0.1
    sound[20_000:21_000] = 0  # a pause inside stays
    part = sounding_part(sound, 16_000, -40)
    assert part == slice(16_000 - 800, 24_000 + 800)
    assert sounding_part(sound, 16_000, -10) == slice(0, 0)
    loud = np.ones(50, np.float32)
    assert sounding_part(loud, 16_000, -40) == slice(0, 50)

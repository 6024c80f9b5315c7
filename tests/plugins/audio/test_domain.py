"""The laws of a domain, for every output and with mel conditions; and the plugin's own promises."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from wavegen_audio.config import AudioConfig
from wavegen_audio.domain import AudioDomain

from wavegen.errors import ConfigError, DataError
from wavegen.testing import DomainContract

Make = Callable[[int, int], np.ndarray]


class TestMulaw(DomainContract):
    @pytest.fixture
    def domain(self) -> AudioDomain:
        return AudioDomain(AudioConfig(rate_hz=8000))

    @pytest.fixture
    def raw(self, chirp: Make) -> Any:
        return chirp(700, 1)


class TestFineMulaw(TestMulaw):
    @pytest.fixture
    def domain(self) -> AudioDomain:
        return AudioDomain(AudioConfig(rate_hz=8000, classes=1024))


class TestLogistics(TestMulaw):
    @pytest.fixture
    def domain(self) -> AudioDomain:
        return AudioDomain(AudioConfig(rate_hz=8000, output="logistics"))


class TestGaussian(TestMulaw):
    @pytest.fixture
    def domain(self) -> AudioDomain:
        return AudioDomain(AudioConfig(rate_hz=8000, output="gaussian"))


class TestMel(TestMulaw):
    @pytest.fixture
    def domain(self) -> AudioDomain:
        pytest.importorskip("librosa")
        config = AudioConfig(rate_hz=8000, cond="mel", n_fft=256, hop=50, n_mels=20)
        return AudioDomain(config)


class TestLabelled(TestMulaw):
    @pytest.fixture
    def domain(self) -> AudioDomain:
        return AudioDomain(AudioConfig(label_from="folder", labels=("allison", "june")))


def test_importing_the_plugin_imports_no_torch() -> None:
    code = "import wavegen_audio, sys; print(sorted({'torch', 'soundfile'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "values",
    [
        {"rate_hz": 5},
        {"classes": 100},
        {"classes": 0},
        {"channel": "left"},
        {"channel": "-1"},
        {"levels": 1},
        {"trim_dbfs": 3.0},
        {"n_fft": 1023},
        {"hop": 2000},
        {"labels": ("a", "a"), "label_from": "folder"},
        {"labels": ("a",)},
        {"valid_percent": 0.0},
        {"test_percent": 50.0, "valid_percent": 60.0},
    ],
)
def test_settings_out_of_range(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"domain\.{next(iter(values))} is .*; it must be "):
        AudioConfig(**values)


def test_bands_too_narrow_for_the_spectrum() -> None:
    pytest.importorskip("librosa")
    with pytest.raises(ConfigError, match="lower n_mels or raise n_fft"):
        AudioDomain(AudioConfig(cond="mel", n_fft=64, hop=32, n_mels=80))


def test_the_start_symbol_is_silence() -> None:
    assert int(AudioDomain(AudioConfig()).start) == 128
    assert int(AudioDomain(AudioConfig(classes=1024)).start) == 512
    assert float(AudioDomain(AudioConfig(output="gaussian")).start) == 0
    assert abs(float(AudioDomain(AudioConfig(output="logistics")).start)) < 1 / 65_535 + 1e-9


def test_a_window_is_what_loading_the_file_gives(folder: Path, tmp_path: Path) -> None:
    """Training and priming see the same symbols and the same conditions, after all treatment."""
    pytest.importorskip("librosa")
    config = AudioConfig(
        rate_hz=6000, normalise="peak", trim_dbfs=-40, cond="mel", n_fft=256, hop=64, n_mels=20
    )
    domain = AudioDomain(config)
    corpus = domain.prepare([str(folder)], tmp_path / "cache")
    assert len(corpus.train.names) >= 2
    for index, name in enumerate(corpus.train.names):
        raw = domain.load(Path(name))
        length = int(corpus.train.lengths[index])
        x, rows = corpus.train.read(index, 0, length)
        assert torch.equal(x, domain.encode(raw))
        whole = domain.conditions(raw)
        assert rows is not None
        assert whole is not None
        assert torch.equal(rows, whole)
        part, part_rows = corpus.train.read(index, 37, 391)
        assert part_rows is not None
        assert torch.equal(part, x[37:391])
        assert torch.equal(part_rows, rows[37:391])
        nothing, no_rows = corpus.train.read(index, 5, 5)
        assert nothing.shape == (0,)
        assert no_rows is not None
        assert no_rows.shape == (0, 20)


def test_loading_trims_and_levels(tmp_path: Path, chirp: Make) -> None:
    silence = np.zeros(8000, np.float32)
    sound = np.concatenate([silence, 0.2 * chirp(8000, 1), silence])
    soundfile.write(tmp_path / "x.wav", sound, 8000)
    config = AudioConfig(rate_hz=8000, normalise="peak", trim_dbfs=-50)
    loaded = AudioDomain(config).load(tmp_path / "x.wav")
    assert np.abs(loaded).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    assert len(loaded) == 8000 + 2 * 400


def test_labels_are_found_and_kept(folder: Path, tmp_path: Path, chirp: Make) -> None:
    for speaker in ("june", "allison"):
        (folder / speaker / "digits").mkdir(parents=True)
        for n in range(3):
            path = folder / speaker / "digits" / f"{n}.wav"
            soundfile.write(path, chirp(500, 20 + n + len(speaker)), 8000)
    for path in folder.glob("*.wav"):
        path.unlink()
    domain = AudioDomain(AudioConfig(rate_hz=8000, label_from="folder"))
    corpus = domain.prepare([str(folder)], tmp_path / "cache")
    assert corpus.domain.labels == ("allison", "june")
    assert corpus.domain.spec(corpus.domain.head()).static_classes == 2
    for split in (corpus.train, corpus.valid, corpus.test):
        for index, name in enumerate(split.names):
            label = split.static(index)
            assert label is not None
            assert corpus.domain.labels[int(label)] in name
    assert int(corpus.domain.static("june")) == 1
    with pytest.raises(ConfigError, match="known: allison, june"):
        corpus.domain.static("bob")


def test_a_held_out_label_must_be_known(folder: Path, tmp_path: Path) -> None:
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    for number, path in enumerate(sorted(folder.glob("*.wav"))):
        path.rename(folder / ("b" if number == 0 else "a") / path.name)
    domain = AudioDomain(AudioConfig(rate_hz=8000, label_from="folder"))
    with pytest.raises(DataError, match=r"label 'b' is none of a"):
        domain.prepare([str(folder / "a")], tmp_path / "cache", valid=[str(folder / "b")])


def test_one_file_is_split_in_time(folder: Path, tmp_path: Path) -> None:
    domain = AudioDomain(AudioConfig(rate_hz=8000))
    file = folder / "11.wav"
    corpus = domain.prepare([str(file)], tmp_path / "cache")
    whole = domain.encode(domain.load(file))
    n_train, n_valid = int(corpus.train.lengths[0]), int(corpus.valid.lengths[0])
    assert n_train + n_valid == len(whole)
    assert n_train == int(0.9 * len(whole))
    assert torch.equal(corpus.valid.read(0, 0, n_valid)[0], whole[n_train:])
    assert "a single file" in corpus.report["notes"][0]


def test_the_report_says_what_was_dropped_and_why(
    folder: Path, tmp_path: Path, chirp: Make
) -> None:
    (folder / "text.wav").write_text("this is no sound")
    (folder / "twin.wav").write_bytes((folder / "00.wav").read_bytes())
    soundfile.write(folder / "nan.wav", np.array([0, np.nan], np.float32), 8000, subtype="FLOAT")
    soundfile.write(folder / "none.wav", np.zeros(0), 8000)
    soundfile.write(folder / "quiet.wav", np.zeros(900), 8000)
    soundfile.write(folder / "six.wav", np.tile(chirp(9600, 3)[:, None], 6), 96_000, "PCM_24")
    cut = (folder / "05.wav").read_bytes()
    (folder / "05.wav").write_bytes(cut[:-600])
    domain = AudioDomain(AudioConfig(rate_hz=8000, trim_dbfs=-45))
    report = domain.prepare([str(folder)], tmp_path / "cache").report
    assert json.loads(json.dumps(report)) == report
    assert report["files"] == {"found": 18, "kept": 13, "dropped": 5}
    why = {Path(d["file"]).name: d["why"] for d in report["dropped"]}
    assert "not a readable sound file" in why["text.wav"]
    assert "same content as" in why["twin.wav"]
    assert "holds a sample of nan" in why["nan.wav"]
    assert "holds no samples" in why["none.wav"]
    assert "nothing in it is louder than -45 dBFS" in why["quiet.wav"]
    assert report["files_by_rate_hz"] == {"8000": 12, "96000": 1}
    assert report["files_by_channels"] == {"1": 12, "6": 1}
    length_seconds = (800 + 150 * 5 - 300) / 8000
    assert report["notes"][:2] == [
        f"{folder / '05.wav'}: cut short: the header promises more than the {length_seconds:.2f} s "
        "kept",
        "5 of 18 files dropped:",
    ]
    assert report["notes"][2:] == [f"{d['file']}: {d['why']}" for d in report["dropped"]]
    assert sum(report["seconds"].values()) == pytest.approx(
        sum(sum(s.lengths) for s in _splits(domain, folder, tmp_path)) / 8000, abs=0.002
    )


def _splits(domain: AudioDomain, folder: Path, tmp_path: Path) -> list[Any]:
    corpus = domain.prepare([str(folder)], tmp_path / "cache")
    return [corpus.train, corpus.valid, corpus.test]


def test_nothing_usable_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    domain = AudioDomain(AudioConfig())
    with pytest.raises(DataError) as caught:
        domain.prepare([str(tmp_path)], tmp_path / "cache")
    assert "text.wav: not a readable sound file" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("text.wav") == 1

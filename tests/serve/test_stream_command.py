"""`wavegen stream` with sound: a growing file and a loudspeaker get what is sampled."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from serving import RATE_HZ
from wavegen_audio.decoding import WavStream

from wavegen.cli import main

WISH = ("--steps", "3000", "--seed", "5", "--engine", "torch")


@pytest.fixture(scope="module")
def sampled(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    out = tmp_path_factory.mktemp("out") / "x.wav"
    result = CliRunner().invoke(main, ["sample", str(toy_run), "-o", str(out), *WISH])
    assert result.exit_code == 0, result.output
    return soundfile.read(out, dtype="int16")[0]


def test_a_growing_file_is_a_wav_at_any_moment(
    toy_run: Path, tmp_path: Path, sampled: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, seen = tmp_path / "x.wav", [0]
    pack = WavStream.pack

    def look_and_pack(self: WavStream, piece: Any) -> bytes:
        now, rate_hz = soundfile.read(out, dtype="int16")
        assert rate_hz == RATE_HZ
        np.testing.assert_array_equal(now, sampled[: seen[-1]])
        assert out.read_bytes()[4:8] == b"\xff" * 4
        seen.append(seen[-1] + len(piece))
        return pack(self, piece)

    monkeypatch.setattr(WavStream, "pack", look_and_pack)
    result = CliRunner().invoke(main, ["stream", str(toy_run), "-o", str(out), *WISH])
    assert result.exit_code == 0, result.output
    assert len(seen) > 5
    assert soundfile.info(out).frames == 3000
    assert int.from_bytes(out.read_bytes()[4:8], "little") == 36 + 2 * 3000
    np.testing.assert_array_equal(soundfile.read(out, dtype="int16")[0], sampled)


class Loudspeaker(ModuleType):
    """Stands in for sounddevice; the first pieces come late."""

    PortAudioError = OSError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.written: list[np.ndarray] = []
        self.OutputStream = self._opened

    def _opened(self, **settings: object) -> Loudspeaker:
        assert settings["samplerate"] == RATE_HZ
        return self

    def start(self) -> None: ...

    stop = abort = close = start

    def write(self, samples: np.ndarray) -> bool:
        self.written.append(samples[:, 0].copy())
        return len(self.written) in (2, 3)


def test_a_loudspeaker_plays_what_is_sampled(
    toy_run: Path, sampled: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = Loudspeaker()
    monkeypatch.setitem(sys.modules, "sounddevice", speaker)
    result = CliRunner().invoke(main, ["stream", str(toy_run), "--play", *WISH])
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    heard = np.concatenate(speaker.written)
    # Full scale is one more than 16 bits can hold.
    np.testing.assert_allclose(np.minimum(heard * 32_768, 32_767), sampled, atol=0.51)
    assert "2 gaps: it was drawn more slowly than it plays" in result.stderr

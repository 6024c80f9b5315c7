"""Decoding uploads: what the domain would read, and one quick line for every bomb."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from wavegen.errors import DataError
from wavegen.model import SequenceSpec
from wavegen.plugins import plugins
from wavegen.serve.decoding import Decoded, Decoder
from wavegen.serve.limits import Limits

TOYS = Path(__file__).parent.parent / "wavegen" / "toy_plugin.py"
AUDIO = {"name": "audio", "plugin": "audio", "config": {"rate_hz": 8000}}
CHORALES = {"name": "chorales", "plugin": "chorales", "config": {}}
SOUND = SequenceSpec(n_params=256, n_classes=256)
LIMITS = Limits(decode_seconds=5, decode_bytes=200_000_000)


def decoded(
    content: bytes,
    suffix: str,
    domain: Mapping[str, Any] = AUDIO,
    *,
    spec: SequenceSpec = SOUND,
    max_steps: int = 10**6,
    limits: Limits = LIMITS,
) -> Decoded:
    return asyncio.run(
        Decoder(limits).decode(
            content,
            suffix,
            domain=domain,
            spec=spec,
            max_steps=max_steps,
        )
    )


def sound(samples: np.ndarray, **how: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, **(how or {"format": "WAV"}))
    return file.getvalue()


def claiming(flac: bytes, samples: int) -> bytes:
    """A FLAC whose header says that it has so many samples, in 36 bits."""
    length = int.from_bytes(flac[21:26]) >> 36 << 36 | samples
    return flac[:21] + length.to_bytes(5) + flac[26:]


@pytest.fixture
def tone() -> np.ndarray:
    return np.sin(np.arange(4000) / 9).astype(np.float32) / 2


def test_sound_comes_back_as_the_symbols_of_its_player(tone: np.ndarray, tmp_path: Path) -> None:
    spec = plugins().domain("audio:audio").spec
    assert spec.player is not None
    player = spec.player(spec.config(rate_hz=8000))
    path = tmp_path / "x.wav"
    path.write_bytes(sound(tone))
    got = decoded(sound(tone), ".wav", max_steps=3000)
    np.testing.assert_array_equal(got.symbols, player.encode(player.load(path))[:3000])
    assert got.conditions is None
    assert got.n_bytes == 3000 * 8


def test_a_domain_without_a_player_gives_its_conditions_too() -> None:
    plugins().add_file(TOYS)
    settings = {"output": "letters", "cond": True, "labels": [], "n_letters": 16}
    toys = {"name": "letters", "plugin": "toy_plugin", "config": settings}
    got = decoded(b"abide", ".txt", toys, spec=SequenceSpec(16, 16, cond_channels=1))
    assert got.symbols.tolist() == [0, 1, 8, 3, 4]
    assert got.conditions is not None
    assert got.conditions[:, 0].tolist() == [1, 0, 1, 0, 1]
    plugins.cache_clear()


@pytest.mark.parametrize(
    ("content", "suffix", "domain", "message"),
    [
        (b"\0" * 100, ".wav", AUDIO, "the file: not a readable sound file"),
        (b"", ".mid", CHORALES, "the file: ends in the middle"),
        (
            claiming(sound(np.zeros(8000), format="FLAC"), 2**36 - 1),
            ".flac",
            AUDIO,
            "claims in its header 68719476735 samples",
        ),
        (
            b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + (500_001).to_bytes(4) + b"\xff" * 500_000 + b"\1",
            ".mid",
            CHORALES,
            "a number without an end",
        ),
    ],
    ids=["garbage", "empty", "claim", "number"],
)
def test_a_bomb_is_one_line(
    content: bytes, suffix: str, domain: Mapping[str, Any], message: str
) -> None:
    begin = time.perf_counter()
    with pytest.raises(DataError, match=message) as caught:
        decoded(content, suffix, domain)
    assert time.perf_counter() - begin < 5
    assert "\n" not in str(caught.value)
    assert "upload" not in str(caught.value)  # the name of our own file is nobody's business


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_hours_of_silence_do_not_fit() -> None:
    """A FLAC of half a megabyte holds a gigabyte of it."""
    silence = np.zeros(8000 * 3600 * 3, np.int16)
    content = sound(silence, format="FLAC")
    assert len(content) < 500_000
    with pytest.raises(DataError, match="200 MB"):
        decoded(content, ".flac")


PLUGIN = '''
"""A domain whose files are programs."""
from dataclasses import dataclass
from pathlib import Path
import os, sys, time
import numpy as np
from wavegen.hookspecs import DomainSpec, hookimpl

@dataclass(frozen=True)
class Config:
    pass

class Player:
    def load(self, path):
        match path.read_text():
            case "sleep": time.sleep(60)
            case "spin":
                while True: pass
            case "crash": os.abort()
            case "exit": sys.exit(0)
            case "chatter": os.write(1, b"G" + b"x" * 100)
            case "write": Path(path.parent / "more").write_text("x" * 10)
            case "raise": raise RuntimeError("secret\\nof the server")
            case "objects": return np.array([object()])
            case "large": return np.array([255, 256])
            case "negative": return np.array([-1])
            case "real": return np.zeros(3, np.float32)
            case "square": return np.zeros((3, 3), np.int64)
        return np.arange(3)
    def encode(self, raw):
        return raw

@hookimpl
def wavegen_domains():
    yield DomainSpec("programs", Config, lambda config: None, player=lambda config: Player())
'''


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "programs.py"
    path.write_text(PLUGIN)
    plugins.cache_clear()
    plugins().add_file(path)
    return {"name": "programs", "plugin": "programs", "config": {}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sleep", "takes more than 1 s to decode"),
        ("crash", "cannot be decoded: its reader broke"),
        ("exit", "cannot be decoded"),
        ("raise", r"the file cannot be decoded \(RuntimeError\)"),
        ("objects", r"the file cannot be decoded \("),
        *((name, "cannot be decoded; write it anew") for name in ("large", "negative", "real")),
        ("square", "cannot be decoded; write it anew"),
        pytest.param(
            "write",
            r"cannot be decoded \(OSError\)",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="limited on Linux alone"),
        ),
    ],
)
def test_a_reader_may_fail_in_any_way(programs: dict[str, Any], content: str, message: str) -> None:
    limits = Limits(decode_seconds=1)
    with pytest.raises(DataError, match=message) as caught:
        decoded(content.encode(), ".txt", programs, limits=limits)
    assert "secret" not in str(caught.value)


def test_what_a_library_prints_is_not_what_is_said(programs: dict[str, Any]) -> None:
    assert decoded(b"chatter", ".txt", programs).symbols.tolist() == [0, 1, 2]


def test_nothing_is_left_behind(
    programs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the file nor the process, also where the listener went away."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()

    async def go_away() -> None:
        decoding = asyncio.create_task(
            Decoder(Limits()).decode(b"spin", ".txt", domain=programs, spec=SOUND, max_steps=9)
        )
        while not list((tmp_path / "temp").glob("*/upload.txt")):
            await asyncio.sleep(0.01)
        decoding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await decoding

    begin = time.perf_counter()
    asyncio.run(go_away())
    assert time.perf_counter() - begin < 5
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.parametrize("suffix", ["", "wav", "./../x", ".w\0v", "." + "x" * 17, ".\n"])
def test_an_ending_is_an_ending(suffix: str) -> None:
    with pytest.raises(DataError, match="must be an ending such as"):
        decoded(b"", suffix)


def test_the_limits_are_options_of_the_server() -> None:
    assert {"decode_seconds", "decode_bytes"} <= asdict(Limits()).keys()

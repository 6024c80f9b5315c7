"""The loudspeaker: everything is heard in order, and what is missing is said in one line."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from fake_sounddevice import FakeSoundDevice, PortAudioError
from hypothesis import given
from hypothesis import strategies as st

from wavegen.errors import ConfigError
from wavegen.sound_output import SoundOutput

RATE = 1000


def installed(monkeypatch: pytest.MonkeyPatch, device: FakeSoundDevice) -> FakeSoundDevice:
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    return device


@given(st.lists(st.integers(0, 100), max_size=8))
def test_all_is_heard_in_order(lengths: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        device = installed(patch, FakeSoundDevice())
        sound = np.linspace(-1, 1, sum(lengths), dtype=np.float32)
        with SoundOutput(RATE) as output:
            for piece in np.split(sound, np.cumsum(lengths)[:-1]) if lengths else []:
                output.play(piece)
            output.finish()
    np.testing.assert_array_equal(device.heard, sound)
    assert device.did == ["start", "stop", "abort", "close"]
    assert device.settings["samplerate"] == RATE
    assert output.underruns == 0


def test_it_begins_with_80_ms(monkeypatch: pytest.MonkeyPatch) -> None:
    device = installed(monkeypatch, FakeSoundDevice())
    with SoundOutput(RATE) as output:
        for n in (20, 59):
            output.play(np.zeros(n, np.float32))
        assert device.did == []
        output.play(np.zeros(1, np.float32))
        assert device.did == ["start"]
        assert [len(piece) for piece in device.written] == [80]


def test_it_falls_silent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    device = installed(monkeypatch, FakeSoundDevice())
    with pytest.raises(KeyboardInterrupt), SoundOutput(RATE):
        raise KeyboardInterrupt
    assert device.did == ["abort", "close"]


def test_gaps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, FakeSoundDevice(late=2))
    with SoundOutput(RATE) as output:
        for _ in range(5):
            output.play(np.zeros(100, np.float32))
    assert output.underruns == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (PortAudioError("Invalid sample rate\n[-9997]"), r"no device that plays 1000 samples/s \("),
        (ValueError("no output device"), r"\(no output device\); write to a file with -o FILE"),
    ],
)
def test_a_machine_without_a_device(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, message: str
) -> None:
    installed(monkeypatch, FakeSoundDevice(fault=fault))
    with pytest.raises(ConfigError, match=message) as caught:
        SoundOutput(RATE)
    assert "\n" not in str(caught.value)


def test_without_sounddevice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigError, match=r"pip install 'wavegen\[play\]'"):
        SoundOutput(RATE)


def test_without_its_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """So it is on Linux after pip alone."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ConfigError, match=r"PortAudio library not found\); on Debian .*libport"):
        SoundOutput(RATE)

"""The organ, SoundFonts and live MIDI: the right notes at the right time."""

from __future__ import annotations

import os
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest
from any_grids import grids
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_chorales import soundfont
from wavegen_chorales.decoding import grid_of
from wavegen_chorales.grid import ChoraleGrid
from wavegen_chorales.live_organ import LiveOrgan
from wavegen_chorales.midi_port import LivePlayer, open_port
from wavegen_chorales.organ import (
    RELEASE_SECONDS,
    frequency_hz,
    render,
    seconds_per_step,
    write_wav,
)
from wavegen_chorales.voice_notes import notes_of

from wavegen.errors import ConfigError, DataError

Make = Callable[[int, int], ChoraleGrid]
RATE = 16_000


def loudness(sound: np.ndarray, start: float, stop: float) -> float:
    """RMS between two times in seconds."""
    return float(np.sqrt(np.square(sound[round(start * RATE) : round(stop * RATE)]).mean()))


@pytest.mark.parametrize("chord", [[72, 67, 64, 48], [81, 74, 69, 36], [60, 61, 63, 66]])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_a_held_chord_has_the_peaks_of_its_notes(chord: list[int], rate_hz: int) -> None:
    sound = render(ChoraleGrid.of(np.tile(chord, (32, 1))), rate_hz)
    held = sound[rate_hz // 2 : rate_hz * 5 // 2]
    spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held))))
    bins = np.fft.rfftfreq(len(held), 1 / rate_hz)
    assert frequency_hz(69) == 440
    assert frequency_hz(60) == pytest.approx(261.6256, abs=1e-4)
    for pitch in chord:
        hertz = frequency_hz(pitch)
        near = np.abs(bins - hertz) < hertz * 0.02
        assert bins[near][spectrum[near].argmax()] == pytest.approx(hertz, abs=0.5)
        assert spectrum[near].max() > 0.1 * spectrum.max()
    # Nothing sounds below the lowest note, nor between the first two notes of the bass.
    low = frequency_hz(min(chord))
    assert spectrum[bins < low * 0.9].max() < 0.003 * spectrum.max()


@given(grids(max_steps=40))
@settings(max_examples=25)
def test_never_clipped_and_as_long_as_its_steps(grid: ChoraleGrid) -> None:
    sound = render(grid, 8000)
    assert sound.dtype == np.float32
    assert np.abs(sound).max() < 0.9
    seconds = len(grid) * 15 / grid.bpm + RELEASE_SECONDS
    assert len(sound) == pytest.approx(seconds * 8000, abs=1)
    assert np.abs(np.diff(sound)).max() < 0.9  # it begins and ends softly
    assert abs(sound[-1]) < 1e-3


def test_rests_are_silent_and_repeats_are_heard() -> None:
    pitch = np.full((12, 4), -1)
    pitch[:8, 0] = 69
    attack = np.zeros((12, 4), bool)
    attack[4, 0] = True
    grid = ChoraleGrid.of(pitch, attack)
    sound, step = render(grid, RATE), seconds_per_step(grid)
    assert step == pytest.approx(60 / 72 / 4)
    assert loudness(sound, 8 * step + RELEASE_SECONDS, 12 * step) == 0
    steady = loudness(sound, step, 3 * step)
    assert loudness(sound, 4 * step - 0.02, 4 * step) < 0.8 * steady  # let go before it is struck
    held = render(ChoraleGrid.of(pitch), RATE)
    assert loudness(held, 4 * step - 0.02, 4 * step) == pytest.approx(steady, rel=0.1)


def test_a_wav_file(piece: Make, tmp_path: Path) -> None:
    write_wav(piece(16, 0), tmp_path / "x.wav")
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert file.getparams()[:3] == (1, 2, 44_100)
        assert file.getnframes() == len(render(piece(16, 0)))
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]
    with pytest.raises(DataError, match="choose another place"):
        write_wav(piece(16, 0), tmp_path / "nowhere" / "x.wav")


@given(grids())
def test_notes_are_the_grid(grid: ChoraleGrid) -> None:
    pitch = np.full(grid.pitch.shape, -1)
    attack = np.zeros(grid.attack.shape, bool)
    for voice, notes in enumerate(notes_of(grid)):
        assert (notes.lengths > 0).all()
        for start, length, note in zip(*notes, strict=True):
            assert (pitch[start : start + length, voice] == -1).all()
            pitch[start : start + length, voice] = note
            attack[start, voice] = True
    np.testing.assert_array_equal(pitch, grid.pitch)
    np.testing.assert_array_equal(attack[1:], grid.attack[1:])


def fluidsynth(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name, alone on the path."""
    program = folder / "bin" / "fluidsynth"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport shutil, sys\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}/usr/bin")


def test_a_soundfont(piece: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    font = tmp_path / "some font.sf2"
    font.write_bytes(b"RIFF\0\0\0\0sfbk")
    body = "assert sys.argv[1:3] == ['-ni', '-F'] and sys.argv[4:6] == ['-r', '22050']\n"
    body += "assert sys.argv[6].endswith('some font.sf2')\nshutil.copy(sys.argv[7], sys.argv[3])"
    fluidsynth(tmp_path, body, monkeypatch)
    soundfont.write_wav(piece(16, 0), tmp_path / "x.wav", font, 22_050)
    assert len(mido.MidiFile(tmp_path / "x.wav").tracks) == 5  # the song, as the program got it
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "some font.sf2", "x.wav"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (
            "print('fluidsynth: error: Failed to load', file=sys.stderr)\nopen(sys.argv[3], 'w')",
            "load",
        ),
        ("sys.exit(3)", "it ended with 3"),
        ("", "it ended with 0"),
    ],
)
def test_a_soundfont_that_does_not_play(
    piece: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, complaint: str
) -> None:
    font = tmp_path / "font.sf2"
    font.write_bytes(b"RIFF\0\0\0\0sfbk")
    fluidsynth(tmp_path, body, monkeypatch)
    with pytest.raises(DataError, match=complaint):
        soundfont.write_wav(piece(16, 0), tmp_path / "x.wav", font)
    font.write_bytes(b"no font at all")
    with pytest.raises(DataError, match="there is no such SoundFont"):
        soundfont.write_wav(piece(16, 0), tmp_path / "x.wav", font)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="apt install fluidsynth"):
        soundfont.write_wav(piece(16, 0), tmp_path / "x.wav", font)
    assert not (tmp_path / "x.wav").exists()


class FakePort:
    """A port that remembers what was sent when; its clock moves when someone sleeps."""

    def __init__(self) -> None:
        self.now, self.closed = 100.0, False
        self.sent: list[tuple[float, str, int, int]] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds

    def send(self, message: mido.Message, /) -> None:
        if message.type != "program_change":
            self.sent.append((self.now, message.type, message.channel, message.note))

    def close(self) -> None:
        self.closed = True


@given(grids(), st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_notes_arrive_on_time(grid: ChoraleGrid, seed: int) -> None:
    rng, port = np.random.default_rng(seed), FakePort()
    cuts = np.sort(rng.integers(0, len(grid) + 1, 3)).tolist()
    with LivePlayer(port, grid.bpm, port.clock, port.sleep) as player:
        for start, stop in zip([0, *cuts], [*cuts, len(grid)], strict=True):
            player.play(grid.cut(start, stop))
            port.now += rng.uniform(0, 0.2) * seconds_per_step(grid)  # the next is being made
        player.finish()
    assert port.closed
    expected = []
    for channel, notes in enumerate(notes_of(grid)):
        for start, length, pitch in zip(*notes, strict=True):
            expected.append((int(start), "note_on", channel, int(pitch)))
            expected.append((int(start + length), "note_off", channel, int(pitch)))
    step = seconds_per_step(grid)
    begun = port.sent[0][0]  # what comes before the first step is no music
    found = [((when - begun) / step, *rest) for when, *rest in port.sent]
    assert all(abs(when - round(when)) < 1e-6 for when, *_ in found)
    assert sorted((round(when), *rest) for when, *rest in found) == sorted(expected)
    sounding: set[tuple[int, int]] = set()
    for _, kind, *note in port.sent:  # nothing is struck twice, or ended before it began
        assert (tuple(note) in sounding) == (kind == "note_off")
        sounding ^= {(note[0], note[1])}


def test_a_small_delay_is_made_up_for() -> None:
    port, grid = FakePort(), ChoraleGrid.of([[60 + k, -1, -1, -1] for k in range(6)])
    with LivePlayer(port, 60, port.clock, port.sleep) as player:
        player.play(grid.cut(0, 3))
        port.now += 0.3  # a step is 0.25 s
        player.play(grid.cut(3, 6))
    begun = [when - 100 for when, kind, *_ in port.sent if kind == "note_on"]
    assert begun == pytest.approx([0, 0.25, 0.5, 0.8, 1, 1.25])


def test_a_late_piece_does_not_rush() -> None:
    port, grid = FakePort(), ChoraleGrid.of([[60 + k, -1, -1, -1] for k in range(8)])
    with LivePlayer(port, 60, port.clock, port.sleep) as player:
        player.play(grid.cut(0, 4))
        port.now += 10
        player.play(grid.cut(4, 8))
    begun = [when for when, kind, *_ in port.sent if kind == "note_on"]
    assert np.diff(begun).tolist() == pytest.approx([0.25, 0.25, 0.25, 10, 0.25, 0.25, 0.25])


def interrupted(player: LivePlayer) -> None:
    player.play(ChoraleGrid.of([[72, 67, -1, 48]]))
    raise ZeroDivisionError


def test_nothing_sounds_on_after_an_error() -> None:
    port = FakePort()
    player = LivePlayer(port, 60, port.clock, port.sleep)
    with pytest.raises(ZeroDivisionError), player:
        interrupted(player)
    assert port.closed
    ended = {(channel, pitch) for _, kind, channel, pitch in port.sent if kind == "note_off"}
    assert ended == {(0, 72), (1, 67), (3, 48)}


def test_ports_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["FLUID Synth (1) 128:0", "FLUID", "other"]
    monkeypatch.setattr(mido, "get_output_names", lambda: names, raising=False)
    monkeypatch.setattr(mido, "open_output", lambda name: name, raising=False)
    assert open_port("FLUID") == "FLUID"
    assert open_port("FLUID S") == "FLUID Synth (1) 128:0"
    with pytest.raises(ConfigError, match="no MIDI output 'x'; there are: 'FLUID Synth"):
        open_port("x")
    names.clear()
    with pytest.raises(ConfigError, match="none; start a synthesizer first"):
        open_port("x")

    def missing() -> None:
        raise ModuleNotFoundError("rtmidi")

    monkeypatch.setattr(mido, "get_output_names", missing, raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'wavegen\[midi\]'"):
        open_port("x")

    def busy(name: str) -> None:
        raise RuntimeError("in use")

    monkeypatch.setattr(mido, "get_output_names", lambda: ["FLUID"], raising=False)
    monkeypatch.setattr(mido, "open_output", busy, raising=False)
    with pytest.raises(ConfigError, match=r"the MIDI output 'FLUID' cannot be opened \(in use\)"):
        open_port("FLU")


@given(grids(max_steps=30), st.lists(st.integers(0, 9)), st.sampled_from([2000, 8000, 11_025]))
@settings(max_examples=20)
def test_the_live_organ_sounds_as_the_whole_piece(
    grid: ChoraleGrid, cuts: list[int], rate_hz: int
) -> None:
    """However it is cut."""
    grid = grid_of(grid.pitch, grid.attack)  # at the usual tempo, as a stream is
    organ, start, pieces = LiveOrgan(rate_hz), 0, []
    for stop in [*np.cumsum(cuts), len(grid)]:
        stop = min(int(stop), len(grid))
        pieces.append(organ.push(grid_of(grid.pitch[start:stop], grid.attack[start:stop])))
        start = stop
    whole = np.concatenate([*pieces, organ.finish()])
    np.testing.assert_allclose(whole, render(grid, rate_hz), atol=1e-6)
    step = rate_hz * seconds_per_step(grid)
    assert sum(map(len, pieces)) == round((len(grid) - 1) * step)  # one step is held back

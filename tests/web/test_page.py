"""The page in a browser: what is played is heard, seen, kept, and ended."""

from __future__ import annotations

import base64
import csv
import io
import math
import struct
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
from fake_server import CHORDS, MODELS, Playing
from listening import all_eight, loudness, play, until_text
from opening_pages import until
from PIL import Image


def saved(page: Any, format: str, tmp_path: Path) -> Path:
    """What a press on a download button gives."""
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download it as {format}").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def picture(page: Any) -> str:
    """The pixels of the first canvas."""
    return page.evaluate("document.querySelector('#stage canvas').toDataURL()")


def drawn_to(page: Any) -> int:
    """How far right the median of a fan chart reaches: its colour is seen nowhere else."""
    content = base64.b64decode(picture(page).removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(content)) as image:
        red, green, _, alpha = np.moveaxis(np.asarray(image, np.int16)[60:-50, :-80], -1, 0)
    return int(np.flatnonzero(((green - red > 100) & (alpha == 255)).any(axis=0)).max(initial=0))


def test_sound_is_heard_for_five_seconds_and_stops(page: Any, playing: Playing) -> None:
    play(page, "tone")
    page.wait_for_timeout(200)  # the ear looks back 128 ms
    assert min(loudness(page, 5)) > 0.15
    assert page.inner_text("#underruns") == "0"
    assert playing.listeners == 1
    page.click("#play")
    until(lambda: playing.listeners == 0, 1.0)
    page.wait_for_timeout(200)
    assert max(loudness(page, 0.2)) == 0


def test_credits_follow_what_is_heard(page: Any, playing: Playing) -> None:
    play(page, "tone")
    page.wait_for_timeout(1200)
    acks = [each["steps"] for each in playing.messages if each["type"] == "ack"]
    heard = page.evaluate("document.getElementById('clock').textContent")
    assert acks == sorted(acks)
    assert 4 <= len(acks) <= 12  # one each 100 to 250 ms
    assert abs(acks[-1] / 16_000 - float(heard.removeprefix("0:0"))) < 0.4
    ahead = float(page.inner_text("#ahead").replace("ms", "").replace(" ", ""))
    assert 500 < ahead <= 1050


def test_a_chorale_moves_sounds_and_is_kept(page: Any, playing: Playing, tmp_path: Path) -> None:
    assert page.locator("#model option").all_inner_texts() == list(MODELS)
    page.fill("#seed", "8")
    play(page, "hymn")
    first = picture(page)
    page.wait_for_timeout(1800)
    assert picture(page) != first
    assert min(loudness(page, 0.3)) > 0.01
    page.click("#play")
    song = mido.MidiFile(saved(page, "MIDI", tmp_path))
    assert [track.name for track in song.tracks[1:]] == ["Soprano", "Alto", "Tenor", "Bass"]
    for voice, track in enumerate(song.tracks[1:]):
        struck = [each.note for each in track if each.type == "note_on"]
        assert len(struck) >= 2
        assert struck == [CHORDS[(i + 8) % 4][voice] for i in range(len(struck))]
    tempo = next(each.tempo for each in song.tracks[0] if each.type == "set_tempo")
    assert mido.tempo2bpm(tempo) == pytest.approx(80, abs=0.01)
    sound, rate = soundfile.read(saved(page, "WAV", tmp_path))
    assert len(sound) / rate == pytest.approx(song.length, abs=0.2)
    assert 0.02 < np.sqrt(np.mean(sound**2)) < 0.5
    assert playing.messages[0]["controls"] == {"temperature": 0.9, "top_p": 1}


def test_a_fan_grows_to_its_end(page: Any, playing: Playing, tmp_path: Path) -> None:
    page.select_option("#model", "walk")
    page.fill("#length", "6")
    page.fill("#seed", "5")
    page.click("#play")
    until_text(page, "clock", "^[23] /")
    near = drawn_to(page)
    until_text(page, "status", "complete")
    assert 0 < near < drawn_to(page) - 100
    assert playing.messages[0]["voices"] == 16
    assert playing.messages[0]["controls"] == {"temperature": 1}
    assert not page.is_visible("#top-p")
    rows = list(csv.DictReader(io.StringIO(saved(page, "CSV", tmp_path).read_text())))
    assert len(rows) == 16 * 6
    assert [float(row["y"]) for row in rows[:6]] == pytest.approx(walk(5, 6))
    assert [float(row["y"]) for row in rows[-6:]] == pytest.approx(walk(20, 6))


def walk(seed: int, steps: int) -> list[float]:
    """What the server makes of this seed."""
    from fake_server import Voice

    voice = Voice(seed)
    return [voice._step(step)["y"] for step in range(steps)]


@pytest.mark.parametrize("while_it_sounds", [pytest.param(False, marks=pytest.mark.slow), True])
def test_one_of_eight_ways_goes_on(
    page: Any, playing: Playing, tmp_path: Path, while_it_sounds: bool
) -> None:
    page.fill("#seed", "12")
    play(page, "tone")
    page.click("#branch")
    all_eight(page)
    first, second = (each for each in playing.messages if each["type"] == "start")
    assert second["voices"] == 8
    assert second["seed"] != first["seed"]
    origin = playing.states[second["resume"]]
    until(lambda: playing.listeners == 0)  # who chooses holds no slot
    if while_it_sounds:
        page.click(".tile:nth-child(3) .tile-hear")
        page.wait_for_timeout(250)
        assert min(loudness(page, 0.2)) > 0.15
    page.click(".tile:nth-child(3) .tile-keep")
    until(lambda: len([each for each in playing.messages if each["type"] == "start"]) == 3)
    third = [each for each in playing.messages if each["type"] == "start"][-1]
    assert (third["voices"], third["seed"]) == (1, second["seed"] + 2)
    assert third["resume"] == second["resume"]
    seconds = math.ceil(origin / 16_000 + 3.2)  # beyond the preview's end
    until_text(page, "clock", f"0:0[{seconds}-9]")
    assert page.inner_text("#underruns") == "0"
    page.click("#play")
    sound, rate = soundfile.read(saved(page, "WAV", tmp_path))
    steps = np.arange(len(sound))
    for part, seed in ((steps[:origin], 12), (steps[origin:], third["seed"])):
        tone = 9000 / 32768 * np.sin(2 * np.pi * 220 * 2 ** (seed % 12 / 12) * part / rate)
        assert np.abs(sound[part] - tone).max() < 1e-3  # no step is lost or heard twice


def test_none_of_the_previews_goes_on_as_before(page: Any, playing: Playing) -> None:
    play(page, "tone")
    page.click("#branch")
    page.wait_for_selector(".tile-keep:enabled")
    page.click("#branch")
    until(lambda: len([each for each in playing.messages if each["type"] == "start"]) == 3)
    third = [each for each in playing.messages if each["type"] == "start"][-1]
    assert "seed" not in third
    assert third["resume"] in playing.states
    until_text(page, "status", "^Playing$")


def test_controls_take_effect_while_it_plays(page: Any, playing: Playing) -> None:
    play(page, "tone")
    page.focus("#temperature")
    page.keyboard.press("ArrowLeft")
    until(lambda: any(each["type"] == "update" for each in playing.messages))
    (update,) = (each for each in playing.messages if each["type"] == "update")
    assert update["controls"] == {"temperature": 0.99, "top_p": 1}


def test_what_was_asked_for_is_sent(page: Any, playing: Playing) -> None:
    page.select_option("#label", "high")
    play(page, "tone")
    page.select_option("#model", "hymn")
    page.fill("#plan-key", "F#m")
    play(page, "hymn")
    first, second = (each for each in playing.messages if each["type"] == "start")
    assert first["label"] == "high"
    assert "plan" not in first
    assert second["plan"] == {"key": "F#m"}


def test_a_file_is_where_it_begins(page: Any, playing: Playing) -> None:
    content = b"RIFF" + struct.pack("<I", 0)
    chosen = {"name": "mine.wav", "mimeType": "audio/wav", "buffer": content}
    page.set_input_files("#prime", chosen)
    until(lambda: bool(playing.messages))  # it plays at once
    assert playing.messages[0]["prime"] == "prime0"
    page.click("#prime-off")
    page.click("#play")
    play(page, "tone")
    assert "prime" not in playing.messages[-1]


def test_a_file_can_be_dropped_anywhere(page: Any, playing: Playing) -> None:
    page.evaluate(
        """() => {
          const files = new DataTransfer();
          files.items.add(new File(["RIFF"], "mine.wav"));
          const drop = { dataTransfer: files, bubbles: true, cancelable: true };
          document.querySelector("#stage").dispatchEvent(new DragEvent("drop", drop));
        }"""
    )
    until_text(page, "prime-text", "mine.wav · 0.5 s")
    until_text(page, "first-sound", "ms")
    assert playing.messages[0]["prime"] == "prime0"


def test_below_real_time_it_waits_and_says_so(page: Any, playing: Playing) -> None:
    page.select_option("#model", "slow")
    page.click("#play")
    page.wait_for_selector("#waiting:visible")
    assert "0.60 seconds of it in a second" in page.inner_text("#wait-text")
    until(lambda: page.evaluate("document.getElementById('wait').value") > 0.05)
    assert "ms" not in page.inner_text("#first-sound")
    assert playing.messages[0]["seconds"] == 10
    page.click("#play")
    page.wait_for_selector("#waiting", state="hidden")


@pytest.mark.slow
def test_below_real_time_it_does_not_stop_once_begun(page: Any) -> None:
    play(page, "slow")
    page.wait_for_timeout(300)
    assert min(loudness(page, 9)) > 0.15
    until_text(page, "status", "ended")
    assert page.inner_text("#underruns") == "0"


def test_who_waits_sees_the_place(page: Any) -> None:
    page.select_option("#model", "full")
    page.click("#play")
    until_text(page, "queue", "place 2")
    assert "number 2" in page.inner_text("#status")
    until_text(page, "status", "^Playing$")

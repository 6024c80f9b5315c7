"""Scores and pictures: what is written is what the grid holds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from any_grids import grids
from chorale_grids import grids as odd_grids
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_chorales.grid import ChoraleGrid, Key
from wavegen_chorales.musicxml_writing import musicxml, write_musicxml
from wavegen_chorales.notation import VALUES, bars_of, key_of, signature, spell
from wavegen_chorales.roll import draw_roll
from wavegen_chorales.score import write_svg

from wavegen.errors import ConfigError, DataError

Make = Callable[[int, int], ChoraleGrid]
NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def heads(grid: ChoraleGrid) -> list[list[Xml.Element]]:
    """The note elements of each part."""
    score = Xml.fromstring(musicxml(grid))
    return [part.findall("measure/note") for part in score.findall("part")]


def number(note: Xml.Element) -> int:
    """The MIDI number of a note element, -1 of a rest."""
    if note.find("rest") is not None:
        return -1
    octave, alter = note.findtext("pitch/octave"), note.findtext("pitch/alter", "0")
    return 12 * (int(octave or 0) + 1) + NATURAL[note.findtext("pitch/step", "")] + int(alter)


def sung(notes: list[Xml.Element]) -> tuple[list[int], list[bool]]:
    """Pitch and attack of each step of one part."""
    pitch, attack = [], []
    for note in notes:
        length = int(note.findtext("duration", ""))
        kinds = [tie.get("type") for tie in note.findall("tie")]
        struck = number(note) >= 0 and "stop" not in kinds
        pitch += [number(note)] * length
        attack += [struck] + [False] * (length - 1)
    return pitch, attack


@given(odd_grids())
def test_every_note_is_written(grid: ChoraleGrid) -> None:
    for voice, notes in enumerate(heads(grid)):
        pitch, attack = sung(notes)
        assert pitch == grid.pitch[:, voice].tolist()
        struck = grid.attack[:, voice].copy()
        struck[0] = grid.pitch[0, voice] >= 0
        assert attack == struck.tolist()


@given(odd_grids())
@settings(max_examples=50)
def test_bars_and_values_add_up(grid: ChoraleGrid) -> None:
    score = Xml.fromstring(musicxml(grid))
    lengths = [bar.stop - bar.start for bar in bars_of(grid)]
    assert sum(lengths) == len(grid)
    for part in score.findall("part"):
        measures = part.findall("measure")
        assert [
            sum(int(note.findtext("duration", "")) for note in measure.findall("note"))
            for measure in measures
        ] == lengths
        for note in part.findall("measure/note"):
            length = int(note.findtext("duration", ""))
            assert (note.findtext("type"), len(note.findall("dot"))) == VALUES[length]
            kinds = [beam.text for beam in note.findall("beam")]
            assert len(kinds) <= (length < 4) + (length < 2)


@given(odd_grids())
@settings(max_examples=50)
def test_beams_are_opened_and_closed(grid: ChoraleGrid) -> None:
    for part in Xml.fromstring(musicxml(grid)).findall("part"):
        for measure in part.findall("measure"):
            for level in "12":
                is_open = False
                for note in measure.findall("note"):
                    marks = [b.text for b in note.findall("beam") if b.get("number") == level]
                    if not marks or "hook" in (marks[0] or ""):
                        assert not is_open
                        continue
                    assert is_open == (marks[0] != "begin")
                    is_open = marks[0] != "end"
                assert not is_open


@given(grids(max_steps=48))
@settings(max_examples=50)
def test_readers_see_the_right_accidentals(grid: ChoraleGrid) -> None:
    """A reader that knows the signature, the accidentals of the bar and ties finds each pitch."""
    signed = signature(key_of(grid))
    shown = {"flat-flat": -2, "flat": -1, "natural": 0, "sharp": 1, "double-sharp": 2}
    for part in Xml.fromstring(musicxml(grid)).findall("part"):
        before = 0
        for measure in part.findall("measure"):
            in_force: dict[tuple[str, str], int] = {}
            for note in measure.findall("note"):
                if number(note) < 0:
                    continue
                step, octave = note.findtext("pitch/step", ""), note.findtext("pitch/octave", "")
                if "stop" in [tie.get("type") for tie in note.findall("tie")]:
                    assert number(note) == before
                else:
                    sign = note.findtext("accidental")
                    if sign:
                        in_force[step, octave] = shown[sign]
                    alter = in_force.get((step, octave), signed[step])
                    assert number(note) == 12 * (int(octave) + 1) + NATURAL[step] + alter
                before = number(note)


@given(grids())
@settings(max_examples=12)
def test_music21_reads_what_was_written(grid: ChoraleGrid) -> None:
    pytest.importorskip("music21")
    from wavegen_chorales.musicxml_reading import read_musicxml

    again = read_musicxml(musicxml(grid), "x.musicxml").grid
    np.testing.assert_array_equal(again.pitch, grid.pitch)
    struck = grid.attack.copy()
    struck[0] = grid.pitch[0] >= 0
    np.testing.assert_array_equal(again.attack, struck)
    np.testing.assert_array_equal(again.fermata, grid.fermata)
    assert (again.key, again.bpm) == (key_of(grid), grid.bpm)
    if grid.pos[0] >= 0 and len(grid) > 2 * grid.bar_steps:
        np.testing.assert_array_equal(again.pos, grid.pos)
        assert again.bar_steps == grid.bar_steps


@given(st.integers(0, 127), st.integers(-7, 7), st.sampled_from(["major", "minor"]))
def test_spelling(pitch: int, sharps: int, mode: str) -> None:
    key = Key(sharps, mode)  # pyright: ignore[reportArgumentType]
    name = spell(pitch, key)
    assert 12 * (name.octave + 1) + NATURAL[name.step] + name.alter == pitch
    names = {spell(each, key)[:2] for each in range(12)}
    assert len(names) == 12
    # All seven notes of the signature are among them.
    assert set(signature(key).items()) <= names


def test_leading_notes_are_sharps_in_minor() -> None:
    assert spell(68, Key(0, "minor"))[:2] == ("G", 1)
    assert spell(66, Key(-2, "minor"))[:2] == ("F", 1)
    assert spell(70, Key(0, "major"))[:2] == ("B", -1)
    assert spell(61, Key(-4, "major"))[:2] == ("D", -1)


def test_values_show_where_the_beat_is() -> None:
    held = ChoraleGrid.of(np.full((21, 4), 60))
    pos = ((np.arange(21) + 11) % 16).astype(np.int16)  # a sixteenth before the fourth beat
    notes = heads(replace(held, pos=pos))[0]
    assert [note.findtext("type") for note in notes] == ["16th", "quarter", "whole"]


def test_signs_over_the_notes(piece: Make) -> None:
    grid = replace(piece(64, 1), source="folder/Herr <Jesu> \x00Christ.mid")
    score = Xml.fromstring(musicxml(grid))
    assert score.findtext("work/work-title") == "Herr <Jesu> Christ"
    first = score.find("part/measure")
    assert first is not None
    assert (first.get("number"), first.get("implicit")) == ("0", "yes")
    assert first.findtext("attributes/key/fifths") == "-2"
    assert first.findtext("attributes/key/mode") == "minor"
    assert first.findtext("attributes/time/beats") == "4"
    assert first.findtext("direction/direction-type/metronome/per-minute") == "80"
    for part in score.findall("part"):
        assert 1 <= len(part.findall("measure/note/notations/fermata")) <= 10
    clefs = [part.findtext("measure/attributes/clef/sign") for part in score.findall("part")]
    assert clefs == ["G", "G", "G", "F"]


def test_places_that_cannot_be_written(piece: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file or directory; choose another place"):
        write_musicxml(piece(8, 0), tmp_path / "nowhere" / "x.musicxml")
    with pytest.raises(DataError, match="it has no steps"):
        write_musicxml(piece(8, 0).cut(0, 0), tmp_path / "x.musicxml")
    assert not list(tmp_path.iterdir())


def test_an_engraved_score(piece: Make, tmp_path: Path) -> None:
    pytest.importorskip("verovio")
    write_svg(piece(64, 1), tmp_path / "x.svg")
    root = Xml.parse(tmp_path / "x.svg").getroot()
    assert root.tag.endswith("svg")
    classes = [each.get("class", "") for each in root.iter()]
    written = sum(len(part) for part in heads(piece(64, 1)))
    drawn = sum(name.split()[0] in ("note", "rest", "mRest") for name in classes if name)
    assert drawn == written
    assert "fermata" in classes


def test_scores_without_verovio(
    piece: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(ConfigError, match=r"pip install 'wavegen\[score\]', or write \.musicxml"):
        write_svg(piece(8, 0), tmp_path / "x.svg")


@pytest.mark.parametrize("steps", [1, 5, 700])
def test_rolls_of_any_length(piece: Make, tmp_path: Path, steps: int) -> None:
    pytest.importorskip("matplotlib")
    grid = replace(piece(steps, 3), pitch=np.maximum(piece(steps, 3).pitch, 50))
    draw_roll(grid, tmp_path / "x.png", "$ no_TeX")
    assert (tmp_path / "x.png").stat().st_size > 2000


def test_all_voices_of_a_unison_are_seen(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.colors import to_rgb
    from matplotlib.image import imread
    from wavegen_chorales.roll import COLOURS

    draw_roll(ChoraleGrid.of(np.full((32, 4), 60)), tmp_path / "x.png")
    picture = imread(tmp_path / "x.png")[:, :, :3]
    staff = picture[picture.shape[0] // 3 :]  # below the names of the voices
    for colour in COLOURS:
        ink = 0.82 * np.array(to_rgb(colour)) + 0.18
        assert (np.abs(staff - ink).max(axis=2) < 0.06).sum() > 500


def test_rolls_that_cannot_be_drawn(
    piece: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="the piece has no notes"):
        draw_roll(ChoraleGrid.of(np.full((4, 4), -1)), tmp_path / "x.png")
    with pytest.raises(DataError, match="choose another place"):
        draw_roll(piece(20, 0), tmp_path / "nowhere" / "x.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"pip install 'wavegen\[plot\]'"):
        draw_roll(piece(20, 0), tmp_path / "x.png")

"""Grids and events: one to one, for any draw and any cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from chorale_grids import grids
from hypothesis import given
from hypothesis import strategies as st
from wavegen_chorales.codec import DRAWING_ORDER, Codec
from wavegen_chorales.decoding import EventDecoder, NoteLines, grid_of
from wavegen_chorales.grid import VOICES, ChoraleGrid, Key, join

from wavegen.errors import ConfigError, DataError

CODECS = [Codec(holds=True), Codec(holds=False)]
Make = Callable[[int, int], ChoraleGrid]


def fresh(grid: ChoraleGrid) -> ChoraleGrid:
    """The notes alone."""
    return grid_of(grid.pitch, grid.attack)


@given(grids(36, 81))
def test_a_grid_survives_the_native_alphabet(grid: ChoraleGrid) -> None:
    codec = Codec(holds=True)
    assert grid_of(*codec.decode(codec.encode(grid))) == fresh(grid)


@given(grids(36, 81))
def test_pitches_survive_the_benchmark_alphabet(grid: ChoraleGrid) -> None:
    codec = Codec(holds=False)
    pitch, attack = codec.decode(codec.encode(grid))
    assert np.array_equal(pitch, grid.pitch)
    assert np.array_equal(ChoraleGrid.of(pitch, attack).attack, ChoraleGrid.of(pitch).attack)


@pytest.mark.parametrize("codec", CODECS, ids=["native", "benchmark"])
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 40))
def test_any_draw_decodes_and_in_any_pieces(codec: Codec, seed: int, cut: int) -> None:
    events = np.random.default_rng(seed).integers(codec.n_classes, size=(40, 4))
    whole = grid_of(*codec.decode(events))
    decoder = EventDecoder(codec)
    assert join([decoder.push(events[:cut]), decoder.push(events[cut:])]) == whole
    assert np.array_equal(
        codec.encode(grid_of(*codec.decode(codec.encode(whole)))), codec.encode(whole)
    )


def test_held_without_having_sounded_is_struck() -> None:
    codec = Codec(holds=True)
    _, attack = codec.decode(np.array([[47, 47, 47, 47], [47, 48, 0, 1]]))
    voices = [VOICES[voice] for voice in DRAWING_ORDER]
    assert voices == ["soprano", "bass", "alto", "tenor"]
    assert attack[0].all()
    assert attack[1].tolist() == [False, False, True, True]  # soprano held, bass elsewhere


def test_events_are_the_documented_classes() -> None:
    grid = ChoraleGrid.of([[81, 60, -1, 36], [81, 60, 55, 36]], [[1] * 4, [0, 1, 1, 0]])
    assert Codec(holds=True).encode(grid).tolist() == [[46, 1, 25, 0], [92, 47, 25, 20]]
    assert Codec(holds=False).encode(grid).tolist() == [[46, 1, 25, 0], [46, 1, 25, 20]]


@given(grids(40, 77), st.integers(-4, 4))
def test_events_move_as_grids_do(grid: ChoraleGrid, semitones: int) -> None:
    for codec in CODECS:
        moved = codec.encode(grid.transposed(semitones))
        assert np.array_equal(codec.transpose(codec.encode(grid), semitones), moved)


def test_what_cannot_be_sung_is_refused_with_the_cure() -> None:
    grid = replace(ChoraleGrid.of([[84, 60, 55, 48]]), source="high.mid")
    with pytest.raises(DataError, match=r"high.mid: soprano sings C6 at step 0; .* by -3 semi"):
        CODECS[0].encode(grid)
    CODECS[0].encode(grid.transposed(-3))
    with pytest.raises(DataError, match="no transposition brings it in"):
        CODECS[0].encode(ChoraleGrid.of([[90, 60, 55, 30]]))


def test_pitch_changes_are_attacks_and_rests_are_none() -> None:
    grid = ChoraleGrid.of([[60, -1, 50, 40], [62, -1, 50, -1]], np.array([[1] * 4, [0, 1, 1, 1]]))
    assert grid.attack.tolist() == [[True, False, True, True], [True, False, True, False]]


@pytest.mark.parametrize(
    "facts",
    [{"bpm": 0.0}, {"bar_steps": 0}, {"key": Key(9, "major")}, {"fermata": np.ones(3, bool)}],
)
def test_impossible_facts_are_refused(facts: dict) -> None:
    with pytest.raises(DataError, match="'odd'"):
        replace(ChoraleGrid.of([[60, 60, 60, 60]]), source="odd", **facts)


def test_keys() -> None:
    for name, key in {"G": (1, "major"), "Bb": (-2, "major"), "F#m": (3, "minor")}.items():
        assert Key.named(name) == key
        assert Key.named(name).name == name
    assert Key.named("e minor") == Key(1, "minor")
    assert Key(1, "major").transposed(5) == Key(0, "major")
    assert Key(0, "major").transposed(1) == Key(-5, "major")
    assert Key(7, "major").transposed(12) == Key(7, "major")
    for wrong in ("H", "", "G#", "G dorian"):
        with pytest.raises(ConfigError, match="is no key"):
            Key.named(wrong)


def test_a_stream_says_what_begins_and_what_goes_on() -> None:
    grid = ChoraleGrid.of([[67, 60, 60, -1], [67, 60, -1, 48]], [[1] * 4, [0, 1, 0, 1]])
    lines = [json.loads(line) for line in NoteLines().pack(grid).splitlines()]
    assert lines == [
        {"on": {"soprano": 67, "alto": 60, "tenor": 60}, "hold": {}},
        {"on": {"alto": 60, "bass": 48}, "hold": {"soprano": 67}},
    ]


def test_a_cut_goes_on_where_it_was_cut(piece: Make) -> None:
    grid = piece(50, 3)
    assert join([grid.cut(0, 17), grid.cut(17, 50)]) == grid
    begun = Codec(holds=True).encode(grid.cut(17, 50))[0]
    assert not grid.attack[17].all()
    assert (begun <= 46).all(), "nothing sounded before the first event, so it holds nothing on"

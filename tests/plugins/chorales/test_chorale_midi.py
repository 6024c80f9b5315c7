"""MIDI: lossless for our own files, and the right music or a clear line for any other."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from chorale_grids import grids
from hypothesis import given
from hypothesis import strategies as st
from wavegen_chorales.grid import VOICES, ChoraleGrid, Key
from wavegen_chorales.midi_fast import read_midi_fast
from wavegen_chorales.midi_reading import read_midi, read_midi_tune
from wavegen_chorales.midi_song import MAX_BYTES
from wavegen_chorales.midi_writing import midi_bytes
from wavegen_chorales.reading import read

from wavegen.errors import DataError

Make = Callable[[int, int], ChoraleGrid]
Note = tuple[int, int, int]  # start, end, pitch
CHORD = [[(0, 480, 72), (480, 960, 71)], [(0, 960, 67)], [(0, 960, 64)], [(0, 960, 48)]]


def song(
    voices: Sequence[Sequence[Note]],
    tracks: Sequence[int],
    channels: Sequence[int],
    *,
    conductor: Sequence[mido.MetaMessage] = (),
    names: Sequence[str] = (),
    kind: int = 1,
) -> bytes:
    """A file whose voice v lies in tracks[v] on channels[v]."""
    file = mido.MidiFile(type=kind, ticks_per_beat=480)
    timed: list[list[tuple[int, mido.Message]]] = [[] for _ in range(max(tracks) + 1)]
    for notes, track, channel in zip(voices, tracks, channels, strict=True):
        for start, end, pitch in notes:
            on = mido.Message("note_on", note=pitch, channel=channel, velocity=70)
            timed[track] += [(start, on), (end, on.copy(velocity=0))]
    for number, messages in enumerate(timed):
        track = mido.MidiTrack(conductor if number == 0 else [])
        if names:
            track.append(mido.MetaMessage("track_name", name=names[number]))
        now = 0
        for tick, message in sorted(messages, key=lambda item: item[0]):
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


@given(grids())
def test_any_grid_survives(grid: ChoraleGrid) -> None:
    reading = read_midi(midi_bytes(grid), "a.mid")
    assert reading.grid == grid
    assert reading.notes == ()
    assert reading.grid.source == "a.mid"


@given(grids())
def test_the_fast_reader_gives_the_same(grid: ChoraleGrid) -> None:
    pytest.importorskip("symusic", reason="the fast reader is optional")
    assert read_midi_fast(midi_bytes(grid), "a.mid") == read_midi(midi_bytes(grid), "a.mid")


def test_the_file_is_as_other_programs_like_it(piece: Make) -> None:
    file = mido.MidiFile(file=io.BytesIO(midi_bytes(piece(40, 2))))
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (1, 480, 5)
    assert [track.name for track in file.tracks[1:]] == [voice.capitalize() for voice in VOICES]
    for channel, track in enumerate(file.tracks[1:]):
        now, sounding = 0, set[int]()
        for message in track:
            now += message.time
            if message.type == "note_on":
                assert message.channel == channel
                assert not sounding, "a note begins before the one before has ended"
                sounding.add(message.note)
            elif message.type == "note_off":
                sounding.remove(message.note)
        assert not sounding
        assert now == 40 * 120
    kinds = [m.type for m in file.tracks[0]]
    assert kinds[:3] == ["set_tempo", "key_signature", "time_signature"]
    assert file.tracks[0][1].key == "Gm"
    metres = [(m.numerator, m.denominator) for m in file.tracks[0] if m.type == "time_signature"]
    assert metres == [(1, 4), (4, 4)]  # the pickup is a bar of its own
    assert [m.text for m in file.tracks[0] if m.type == "marker"] == ["fermata", "fermata end"]


LAYOUTS = {
    "4 tracks, 1 channel": ((0, 1, 2, 3), (0, 0, 0, 0)),
    "4 tracks after a conductor": ((1, 2, 3, 4), (0, 1, 2, 3)),
    "1 track, 4 channels": ((0, 0, 0, 0), (0, 1, 2, 3)),
    "2 tracks of 2 channels": ((0, 0, 1, 1), (0, 1, 0, 1)),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_foreign_layouts(layout: tuple[tuple, tuple], order: tuple[int, ...]) -> None:
    content = song([CHORD[voice] for voice in order], *layout)
    for reader in (read_midi, read_midi_fast):
        grid = reader(content, "foreign.mid").grid
        assert grid.pitch.tolist() == [[72, 67, 64, 48]] * 4 + [[71, 67, 64, 48]] * 4
        assert grid.attack.sum() == 5
        assert grid.key is None
        assert (grid.pos == -1).all()
        assert grid.bpm == 120  # what the standard says where a file says nothing


def test_type_0() -> None:
    grid = read_midi(song(CHORD, (0, 0, 0, 0), (0, 1, 2, 3), kind=0), "type0.mid").grid
    assert grid.pitch[0].tolist() == [72, 67, 64, 48]


def test_names_of_tracks_come_first() -> None:
    crossed = [CHORD[3], CHORD[0], CHORD[1], CHORD[2], [(0, 960, 90)]]
    names = ("Soprano", "BASS", "Alto.", "Ten", "Oboe")
    content = song(crossed, (0, 1, 2, 3, 4), (0, 1, 2, 3, 4), names=names)
    for reader in (read_midi, read_midi_fast):
        assert reader(content, "named.mid").grid.pitch[0].tolist() == [48, 67, 64, 72]


def test_percussion_is_no_voice() -> None:
    drums = [(0, 120, 38), (240, 360, 38)]
    content = song([drums, *CHORD], (0, 1, 2, 3, 4), (9, 0, 1, 2, 3))
    for reader in (read_midi, read_midi_fast):
        assert reader(content, "drums.mid").grid.pitch[0].tolist() == [72, 67, 64, 48]


def test_off_the_grid_is_moved_with_a_word() -> None:
    played = [[(7, 470, 72), (474, 950, 71)], *CHORD[1:]]
    for reader in (read_midi, read_midi_fast):
        reading = reader(song(played, (0, 1, 2, 3), (0, 1, 2, 3)), "played.mid")
        assert reading.grid.pitch[:, 0].tolist() == [72] * 4 + [71] * 4
        assert reading.notes == ("2 of 5 notes began between two sixteenths; moved",)


def test_fast_notes_chords_and_overlaps_leave_one_note_at_a_time() -> None:
    soprano = [
        (0, 60, 70),
        (60, 120, 72),
        (120, 240, 74),
        (120, 240, 77),
        (240, 700, 72),
        (480, 960, 71),
    ]
    bass = [(0, 960, 52), (0, 960, 48)]
    reading = read_midi(song([soprano, *CHORD[1:3], bass], (0, 1, 2, 3), (0,) * 4), "x.mid")
    assert reading.grid.pitch[:, 0].tolist() == [70, 77, 72, 72, 71, 71, 71, 71]
    assert (reading.grid.pitch[:, 3] == 48).all()
    assert reading.notes[-1].startswith("3 notes left out")


def test_notes_of_no_length_and_notes_without_end() -> None:
    soprano = [(0, 0, 80), (0, 480, 72), (480, 480, 60), (480, 960, 71)]
    for reader in (read_midi, read_midi_fast):
        grid = reader(song([soprano, *CHORD[1:]], (0, 1, 2, 3), (0,) * 4), "zero.mid").grid
        assert grid.pitch[:, 0].tolist() == [72] * 4 + [71] * 4
    file = mido.MidiFile(file=io.BytesIO(song(CHORD, (0, 1, 2, 3), (0,) * 4)))
    file.tracks[3] = mido.MidiTrack(
        [
            mido.Message("note_on", note=48, velocity=9),
            mido.MetaMessage("end_of_track", time=960),
        ]
    )
    content = io.BytesIO()
    file.save(file=content)
    assert (read_midi(content.getvalue(), "stuck.mid").grid.pitch[:, 3] == 48).all()


def test_a_note_is_repeated_though_its_end_comes_after_the_next_beginning() -> None:
    later_first = [(480, 960, 72), (0, 480, 72)]  # at 480 the note-on stands before the note-off
    for reader in (read_midi, read_midi_fast):
        grid = reader(song([later_first, *CHORD[1:]], (0, 1, 2, 3), (0,) * 4), "x.mid").grid
        assert grid.pitch[:, 0].tolist() == [72] * 8
        assert np.flatnonzero(grid.attack[:, 0]).tolist() == [0, 4]


def test_metres_and_keys_of_foreign_files() -> None:
    def metre(numerator: int, denominator: int, time: int = 0) -> mido.MetaMessage:
        return mido.MetaMessage(
            "time_signature", numerator=numerator, denominator=denominator, time=time
        )

    held = [[(0, 480 * 9, pitch)] for pitch in (72, 67, 64, 48)]
    conductor = [metre(3, 4), mido.MetaMessage("key_signature", key="Ebm")]
    grid = read_midi(song(held, (0, 1, 2, 3), (0,) * 4, conductor=conductor), "x.mid").grid
    assert grid.pos.tolist() == [*range(12)] * 3
    assert (grid.bar_steps, grid.key) == (12, Key(-6, "minor"))
    file = mido.MidiFile(file=io.BytesIO(song(held, (0, 1, 2, 3), (0,) * 4)))
    file.tracks.insert(0, mido.MidiTrack([metre(1, 4), metre(4, 4, 480)]))
    content = io.BytesIO()
    file.save(file=content)
    grid = read_midi(content.getvalue(), "pickup.mid").grid
    assert grid.pos[:6].tolist() == [12, 13, 14, 15, 0, 1]
    odd = read_midi(song(held, (0, 1, 2, 3), (0,) * 4, conductor=[metre(5, 64)]), "odd.mid")
    assert (odd.grid.pos == -1).all()
    assert "metre left out" in odd.notes[-1]


@pytest.mark.parametrize(
    ("voices", "message"),
    [
        ([CHORD[0]], "has one voice"),
        (CHORD[:3], r"has 3 voices \(tracks: 3, channels: 3\)"),
        ([[(0, 960, 50 + v)] for v in range(7)], "has 7 voices"),
    ],
)
def test_other_numbers_of_voices(voices: list, message: str) -> None:
    content = song(voices, range(len(voices)), range(len(voices)))
    for reader in (read_midi, read_midi_fast):
        with pytest.raises(DataError, match=f"^few.mid: {message}.*four are needed"):
            reader(content, "few.mid")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Soprano: la la la\n", "not a readable MIDI file"),
        (b"", "ends in the middle"),
        (midi_bytes(ChoraleGrid.of([[60, 55, 50, 45]] * 9))[:90], "ends in the middle"),
        (song([[(0, 60, 40)]], [0], [9]), "has notes of percussion only"),
        (song([[]], [0], [0]), "has no notes"),
        (song(CHORD, (0, 1, 2, 3), (0,) * 4, kind=2), "type 2"),
        (bytes(MAX_BYTES + 1), "at most"),
        (b"MThd\0\0\0\6\0\1\0\1\xe7\x28MTrk\0\0\0\4\0\xff\x2f\0", "SMPTE"),
        (song([*CHORD[:3], [(0, 2**27, 48)]], (0, 1, 2, 3), (0,) * 4), "lasts 1118481 sixteenths"),
    ],
    ids=["text", "empty", "cut", "drums", "silent", "type 2", "huge", "smpte", "endless"],
)
def test_bad_files_are_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.mid"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=message):
        read_midi_fast(content, "bad.mid")


@given(st.data())
def test_damaged_files_never_crash(data: st.DataObject) -> None:
    content = bytearray(midi_bytes(ChoraleGrid.of([[60, 55, 50, 45], [62, 55, 50, 43]])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    for reader in (read_midi, read_midi_fast, read_midi_tune):
        with contextlib.suppress(DataError):
            reader(bytes(content), "x.mid")


def test_tunes() -> None:
    alone = read_midi_tune(song([CHORD[0]], [0], [5]), "tune.mid").grid
    assert alone.pitch[:, 0].tolist() == [72] * 4 + [71] * 4
    assert (alone.pitch[:, 1:] == -1).all()
    four = read_midi_tune(song(CHORD, (0, 1, 2, 3), (0,) * 4), "four.mid").grid
    assert four == alone
    with pytest.raises(DataError, match=r"has 3 voices .* a tune is one voice"):
        read_midi_tune(song(CHORD[:3], (0, 1, 2), (0, 1, 2)), "three.mid")
    one_note = read_midi_tune(song([[(0, 120, 60)]], [0], [0]), "note.mid").grid
    assert one_note.pitch[:, 0].tolist() == [60]


def test_a_fermata_marker_alone_lasts_while_the_soprano_does() -> None:
    grid = replace(ChoraleGrid.of([[60] * 4] * 4 + [[62] * 4] * 4), fermata=np.arange(8) == 1)
    content = midi_bytes(grid).replace(b"fermata end", b"no one asks")
    assert read_midi(content, "x.mid").grid.fermata.tolist() == [False] + [True] * 3 + [False] * 4


def test_a_number_of_half_a_million_bytes_takes_no_time(tmp_path: Path) -> None:
    """Its library would take 43 s."""
    path = tmp_path / "bad.mid"
    delta = b"\xff" * 500_000 + b"\x7f"
    path.write_bytes(b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + len(delta).to_bytes(4) + delta)
    begin = time.process_time()
    with pytest.raises(DataError, match="a number without an end"):
        read(path)
    assert time.process_time() - begin < 1

"""How a voice is written down: bars, note values that exist, spelling, beams.

Dimensions: T steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .battery_harmony import fit_key
from .grid import STEPS_PER_QUARTER, UNKNOWN, ChoraleGrid, Key
from .voice_notes import Notes

VALUES = {
    1: ("16th", 0), 2: ("eighth", 0), 3: ("eighth", 1), 4: ("quarter", 0), 6: ("quarter", 1),
    8: ("half", 0), 12: ("half", 1), 16: ("whole", 0), 24: ("whole", 1), 32: ("breve", 0),
}  # fmt: skip
"""Steps of a note value: its name and its dots."""
_LETTERS = "FCGDAEB"  # in fifths; C is 0
_NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


class Bar(NamedTuple):
    """Steps from start to stop."""

    start: int
    stop: int
    offset: int
    """Sixteenths since the bar line at the start: above 0 for a pickup."""
    full: bool
    """False for a pickup and a bar cut short."""


class Written(NamedTuple):
    """One note head, or one rest."""

    start: int
    """Step of the piece."""
    length: int
    """One of `VALUES`."""
    pitch: int | None
    """MIDI number; None is a rest."""
    tied_from: bool = False
    tied_to: bool = False


class Spelling(NamedTuple):
    """A pitch by name."""

    step: str
    alter: int
    """Semitones: 1 is a sharp."""
    octave: int


def bars_of(grid: ChoraleGrid) -> list[Bar]:
    """Where the bars are; where the metre is unknown, full ones from the start."""
    steps = len(grid)
    known = steps and grid.pos[0] != UNKNOWN
    lines = np.flatnonzero(grid.pos == 0).tolist() if known else range(0, steps, grid.bar_steps)
    pickup = int(grid.pos[0]) if known else 0
    edges = sorted({0, *lines, steps})
    return [
        Bar(start, stop, 0 if start else pickup, stop - start == grid.bar_steps)
        for start, stop in pairwise(edges)
    ]


def key_of(grid: ChoraleGrid) -> Key:
    """The key of a grid; where none is known, the one that fits best."""
    return grid.key or fit_key(grid).key


def written(notes: Notes, bars: Sequence[Bar]) -> list[list[Written]]:
    """The heads and rests of one voice, bar by bar: split at bar lines and into `VALUES`."""
    spans: list[tuple[int, int, int | None]] = []
    now = 0
    for start, length, pitch in zip(*(each.tolist() for each in notes), strict=True):
        if start > now:
            spans.append((now, start, None))
        spans.append((start, start + length, pitch))
        now = start + length
    if bars and now < bars[-1].stop:
        spans.append((now, bars[-1].stop, None))
    lines: list[list[Written]] = []
    place = 0
    for bar in bars:
        line = []
        while place < len(spans) and spans[place][0] < bar.stop:
            first, last, pitch = spans[place]
            for start, length in _pieces(max(first, bar.start), min(last, bar.stop), bar):
                tied = pitch is not None
                before, after = tied and start > first, tied and start + length < last
                line.append(Written(start, length, pitch, before, after))
            if last > bar.stop:
                break
            place += 1
        lines.append(line)
    return lines


def spell(pitch: int, key: Key) -> Spelling:
    """The name of a MIDI number that lies nearest to the key on the line of fifths.

    Major keys have their chromatic notes from the lowered third to the raised fifth, minor keys
    from the lowered second to the raised fourth, as chorales use them.
    """
    lowest = key.sharps + (-3 if key.mode == "major" else -2)  # in fifths from C
    fifths = lowest + (7 * pitch - lowest) % 12
    letter = _LETTERS[(fifths + 1) % 7]
    alter = (fifths + 1) // 7
    return Spelling(letter, alter, (pitch - _NATURAL[letter] - alter) // 12 - 1)


def signature(key: Key) -> dict[str, int]:
    """What the key signature alters: letter to semitones."""
    return {letter: (key.sharps + 6 - place) // 7 for place, letter in enumerate(_LETTERS)}


def beams(line: Sequence[Written], bar: Bar) -> list[tuple[str, ...]]:
    """The beams of each head of a bar, eighths first: begin, continue, end or a hook.

    Heads shorter than a quarter are joined within a beat.
    """
    beats = [(head.start - bar.start + bar.offset) // STEPS_PER_QUARTER for head in line]
    marks: list[list[str]] = [[] for _ in line]
    for level, longest in enumerate((3, 1)):
        for group in _runs(line, beats, longest):
            if len(group) > 1:
                for place, index in enumerate(group):
                    last = place == len(group) - 1
                    marks[index].append("end" if last else "continue" if place else "begin")
            elif level and marks[group[0]]:
                hook = "backward" if marks[group[0]][0] != "begin" else "forward"
                marks[group[0]].append(f"{hook} hook")
    return [tuple(each) for each in marks]


def _runs(line: Sequence[Written], beats: Sequence[int], longest: int) -> Iterator[list[int]]:
    """Indices of neighbours in one beat that are notes of at most so many steps."""
    group: list[int] = []
    for index, head in enumerate(line):
        joins = head.pitch is not None and head.length <= longest
        if group and not (joins and beats[index] == beats[group[0]]):
            yield group
            group = []
        if joins:
            group.append(index)
    if group:
        yield group


def _pieces(start: int, stop: int, bar: Bar) -> Iterator[tuple[int, int]]:
    """Cut a span inside a bar into note values; what begins off the beat is cut at the beat."""
    while start < stop:
        length = stop - start
        to_beat = -(start - bar.start + bar.offset) % STEPS_PER_QUARTER
        if to_beat % 2 and length > to_beat:  # a sixteenth off: show where the beat is
            length = to_beat
        elif length not in VALUES:
            length = to_beat or max(value for value in VALUES if value < length)
        yield start, length
        start += length

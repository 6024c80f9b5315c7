"""A MIDI file to a grid.

Dimensions: T steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavegen.errors import DataError

from .grid import MAX_BPM, MAX_STEPS, MIN_BPM, STEPS_PER_QUARTER, ChoraleGrid, Flags, Reading
from .midi_metre import metre_of
from .midi_song import Song, parse
from .midi_voices import Notes, four_voices, one_voice
from .midi_writing import END, FERMATA, FERMATA_END
from .steps import Sung, lay, words

_STANDARD_TEMPO = 500_000
"""Microseconds a quarter where a file says nothing: 120 quarters a minute."""


def read_midi(content: bytes, name: str) -> Reading:
    """Four voices: four named tracks, four tracks, or four channels. Raises `DataError`."""
    song = parse(content, name)
    return grid_of(song, four_voices(song, name), name)


def read_midi_tune(content: bytes, name: str) -> Reading:
    """One voice, or the soprano of four, above three that rest. Raises `DataError`."""
    song = parse(content, name)
    return grid_of(song, one_voice(song, name), name)


def grid_of(song: Song, voices: Sequence[Notes], name: str) -> Reading:
    """The notes of soprano, alto, tenor and bass on the grid. Raises `DataError`."""

    def step(tick: int) -> float:  # in this order a whole step stays whole
        return tick * STEPS_PER_QUARTER / song.ticks_per_quarter

    lines = [
        lay([Sung(step(n.start), step(n.end), n.pitch) for n in notes], lowest=voice == 3)
        for voice, notes in enumerate(voices)
    ]
    marks = [(round(step(tick)), text.strip().lower()) for tick, text in song.markers]
    steps = max([line.steps for line in lines] + [at for at, text in marks if text == END])
    if not 0 < steps <= MAX_STEPS:
        raise DataError(f"{name}: lasts {steps} sixteenths; 1 to {MAX_STEPS} are read")
    filled = [line.fill(steps) for line in lines]
    attack = np.stack([struck for _, struck in filled], axis=1)
    metre = metre_of(song, steps)
    bpm = 60e6 / song.tempo if song.tempo else 60e6 / _STANDARD_TEMPO
    grid = ChoraleGrid(
        np.stack([pitch for pitch, _ in filled], axis=1),
        attack,
        _fermatas(marks, attack),
        metre.pos,
        metre.bar_steps,
        song.key,
        min(max(round(bpm, 2), MIN_BPM), MAX_BPM),
        name,
    )
    return Reading(grid, (*words(lines), *metre.notes))


def _fermatas(marks: Sequence[tuple[int, str]], attack: Flags) -> Flags:
    """Steps `(T,)` from each marker to its end, or until the soprano moves on."""
    fermata = np.zeros(len(attack), np.bool_)
    moves = np.append(np.flatnonzero(attack[:, 0]), len(attack))
    ends = np.array(sorted({at for at, text in marks if text == FERMATA_END}), np.int64)
    for start in {at for at, text in marks if text == FERMATA and at < len(attack)}:
        end = np.searchsorted(ends, start, side="right")
        move = moves[np.searchsorted(moves, start, side="right")]
        fermata[start : ends[end] if end < len(ends) else move] = True
    return fermata

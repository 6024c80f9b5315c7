"""A chorale as a MIDI file: type 1, a conductor's track and one named track and channel a voice.

One channel a voice, so that unisons and crossings survive; note-offs before note-ons, so that
repeated notes do.

Dimensions: T steps.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction

import mido
import numpy as np

from .grid import REST, STEPS_PER_QUARTER, UNKNOWN, VOICES, ChoraleGrid, Flags, Pitches

TICKS_PER_QUARTER = 480
TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER
FERMATA, FERMATA_END, END = "fermata", "fermata end", "end"
"""Markers: steps under a fermata begin and end, and the end of the music where it is silent."""
_CHOIR = 52
_VELOCITY = 80


def midi_bytes(grid: ChoraleGrid) -> bytes:
    """The file. A metre or key that is unknown is left out of it."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    steps = len(grid)
    file.tracks.append(_track("", list(_conducting(grid)), steps))
    for voice, name in enumerate(VOICES):
        messages = list(_singing(grid.pitch[:, voice], grid.attack[:, voice], voice))
        file.tracks.append(_track(name.capitalize(), messages, steps))
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


def _track(
    name: str, timed: Sequence[tuple[int, mido.Message | mido.MetaMessage]], steps: int
) -> mido.MidiTrack:
    """A track of messages at steps, in order."""
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)] if name else [])
    now = 0
    for step, message in timed:
        track.append(message.copy(time=(step - now) * TICKS_PER_STEP))
        now = step
    rest = max(0, steps - now) * TICKS_PER_STEP
    track.append(mido.MetaMessage("end_of_track", time=rest))
    return track


def _conducting(grid: ChoraleGrid) -> Iterator[tuple[int, mido.MetaMessage]]:
    """Tempo, key, metres and markers, by step."""
    yield 0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(grid.bpm))
    if grid.key is not None:
        yield 0, mido.MetaMessage("key_signature", key=grid.key.name)
    timed = [*_metres(grid), *_markers(grid)]
    yield from sorted(timed, key=lambda item: item[0])


def _metres(grid: ChoraleGrid) -> Iterator[tuple[int, mido.MetaMessage]]:
    """A signature wherever a bar has another length than the one before."""
    if not len(grid) or grid.pos[0] == UNKNOWN:
        return
    starts = np.flatnonzero(grid.pos == 0)
    pickup = grid.bar_steps - int(grid.pos[0]) if grid.pos[0] else 0
    bars = [(0, pickup)] if pickup > 0 else []
    lengths = np.diff(starts, append=len(grid))
    bars += list(zip(starts.tolist(), lengths.tolist(), strict=True))
    if len(starts):  # the last bar may be broken off
        bars[-1] = bars[-1][0], max(bars[-1][1], grid.bar_steps)
    else:
        bars.append((pickup, grid.bar_steps))
    before = 0
    for start, length in bars:
        if length != before:
            beats = Fraction(length, STEPS_PER_QUARTER)
            unit = 4 * beats.denominator
            numerator = length * unit // 16
            yield (
                start,
                mido.MetaMessage("time_signature", numerator=numerator, denominator=unit),
            )
        before = length


def _markers(grid: ChoraleGrid) -> Iterator[tuple[int, mido.MetaMessage]]:
    edges = np.diff(grid.fermata.astype(np.int8), prepend=0, append=0)
    for step in np.flatnonzero(edges):
        text = FERMATA if edges[step] > 0 else FERMATA_END
        yield int(step), mido.MetaMessage("marker", text=text)
    if len(grid) and (grid.pitch[-1] == REST).all():
        yield len(grid), mido.MetaMessage("marker", text=END)


def _singing(pitch: Pitches, attack: Flags, channel: int) -> Iterator[tuple[int, mido.Message]]:
    """The notes of one voice, by step."""
    yield 0, mido.Message("program_change", program=_CHOIR, channel=channel)
    sounding = REST
    for step, (note, struck) in enumerate(zip(pitch.tolist(), attack.tolist(), strict=True)):
        begins = note != REST and (struck or note != sounding)
        if sounding != REST and (begins or note == REST):
            yield step, mido.Message("note_off", note=sounding, velocity=0, channel=channel)
        if begins:
            yield (
                step,
                mido.Message("note_on", note=note, velocity=_VELOCITY, channel=channel),
            )
        sounding = note
    if sounding != REST:
        yield len(pitch), mido.Message("note_off", note=sounding, velocity=0, channel=channel)

"""What a MIDI file holds, as far as chorales go: notes by track and channel, metre, key, markers.

Times are in ticks.
"""

from __future__ import annotations

import io
import re
import struct
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import mido
from mido.midifiles.meta import KeySignatureError

from wavegen.errors import DataError

from .grid import Key

MAX_BYTES = 2**20
"""Hundreds of times a long chorale: reading takes memory and time by the message."""
MAX_NUMBER_BYTES = 4096
"""A number of variable length has 4 bytes at most, a text is longer. The library takes time by the
square of it: 43 s for 500 kB."""
PERCUSSION = 9
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


class Note(NamedTuple):
    """One note of some length."""

    start: int
    end: int
    pitch: int


class Part(NamedTuple):
    """The notes of one channel of one track, in the order in which they begin."""

    track: int
    channel: int
    name: str
    notes: list[Note]


@dataclass
class Song:
    """Notes and what stands beside them."""

    ticks_per_quarter: int
    parts: list[Part] = field(default_factory=list)
    """Those of percussion are left out, and so are notes of no length."""
    names: dict[int, str] = field(default_factory=dict)
    """Of each track, if it has one."""
    tempo: int | None = None
    """Microseconds a quarter, the first that there is."""
    metres: list[tuple[int, int, int]] = field(default_factory=list)
    """Tick, numerator, denominator."""
    key: Key | None = None
    markers: list[tuple[int, str]] = field(default_factory=list)
    percussion: bool = False
    """Whether there are notes of percussion."""


def parse(content: bytes, name: str) -> Song:
    """A MIDI file of type 0 or 1. Raises `DataError`."""
    if len(content) > MAX_BYTES:
        raise DataError(f"{name}: {len(content)} bytes of MIDI; at most {MAX_BYTES} are read")
    if any(run.end() - run.start() > MAX_NUMBER_BYTES for run in _HIGH_BYTES.finditer(content)):
        raise DataError(
            f"{name}: not a readable MIDI file (a number without an end); copy it again"
        )
    try:
        file = mido.MidiFile(file=io.BytesIO(content))
    except EOFError as error:
        raise DataError(f"{name}: ends in the middle of the MIDI data; copy it again") from error
    except (OSError, ValueError, LookupError, struct.error, KeySignatureError) as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{name}: not a readable MIDI file ({what})") from error
    if file.type == 2 or file.ticks_per_beat <= 0:
        what = "tracks that are pieces of their own (type 2)" if file.type == 2 else "SMPTE time"
        raise DataError(f"{name}: has {what}; save it as MIDI of type 1 with ticks a quarter")
    song = Song(file.ticks_per_beat)
    for number, track in enumerate(file.tracks):
        _read_track(song, number, track)
    song.metres.sort(key=lambda metre: metre[0])
    song.markers.sort(key=lambda marker: marker[0])
    return song


def _read_track(song: Song, number: int, track: mido.MidiTrack) -> None:
    """Add one track."""
    now = 0
    sounding: dict[tuple[int, int], deque[int]] = defaultdict(deque)
    notes: dict[int, list[Note]] = defaultdict(list)
    for message in track:
        now += message.time
        if message.is_meta:
            _read_meta(song, number, now, message)
        elif message.type in ("note_on", "note_off"):
            begun = sounding[message.channel, message.note]
            if message.type == "note_on" and message.velocity:
                begun.append(now)
            elif begun:
                notes[message.channel].append(Note(begun.popleft(), now, message.note))
    for (channel, pitch), begun in sounding.items():  # never switched off
        notes[channel] += [Note(start, now, pitch) for start in begun]
    name = song.names.get(number, "")
    for channel, played in sorted(notes.items()):
        kept = sorted(note for note in played if note.end > note.start)
        if channel == PERCUSSION:
            song.percussion = True
        elif kept:
            song.parts.append(Part(number, channel, name, kept))


def _read_meta(song: Song, track: int, now: int, message: Any) -> None:
    if message.type == "track_name":
        song.names.setdefault(track, message.name)
    elif message.type == "set_tempo" and song.tempo is None:
        song.tempo = message.tempo
    elif message.type == "time_signature":
        song.metres.append((now, message.numerator, message.denominator))
    elif message.type == "key_signature" and song.key is None:
        song.key = Key.named(message.key)
    elif message.type == "marker":
        song.markers.append((now, message.text))

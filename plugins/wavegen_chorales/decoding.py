"""Streams of notes: events to steps as they come, and steps to lines of JSON.

Dimensions: T steps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import numpy as np

from wavegen.domain_player import ArrayDecoder, LiveOutput, StreamFormat, Symbols
from wavegen.sound_output import SoundOutput

from .codec import AnyCodec
from .grid import REST, UNKNOWN, VOICES, ChoraleGrid, Flags, Pitches

_SOUND_HZ = 44_100


def grid_of(pitch: Pitches, attack: Flags) -> ChoraleGrid:
    """Steps `(T, 4)` of which nothing but the notes is known."""
    steps = len(pitch)
    return ChoraleGrid(pitch, attack, np.zeros(steps, np.bool_), np.full(steps, UNKNOWN, np.int16))


class EventDecoder(ArrayDecoder[ChoraleGrid]):
    """Steps as their symbols come; what sounded last tells a held note from a new one."""

    def __init__(self, codec: AnyCodec) -> None:
        self._codec = codec
        self._before = np.full(4, REST, np.int8)
        self._begun = np.zeros((0, *codec.event_shape), np.int64)

    def push(self, x: Symbols) -> ChoraleGrid:
        """Events `(T, 4)`, or flat, to their steps; a note may go on from the piece before."""
        events = np.concatenate([self._begun, np.asarray(x, np.int64)])
        whole = len(events) - len(events) % self._codec.symbols
        pitch, attack = self._codec.decode(events[:whole], self._before)
        self._begun = events[whole:]
        self._before = pitch[-1] if len(pitch) else self._before
        return grid_of(pitch, attack)

    def finish(self) -> ChoraleGrid:
        """Nothing: a step of which only some voices were drawn is none."""
        return grid_of(np.zeros((0, 4), np.int8), np.zeros((0, 4), np.bool_))

    def memory(self) -> Mapping[str, Symbols]:
        """What sounded last, and the cells of a step that is not whole."""
        begun = np.full((self._codec.symbols - 1, *self._codec.event_shape), -1)
        begun[: len(self._begun)] = self._begun
        return {"before": self._before, "begun": begun}

    def recall(self, memory: Mapping[str, Symbols]) -> None:
        """Go on from there."""
        super().recall(memory)
        self._before = np.maximum(memory["before"], REST)
        begun = np.minimum(memory["begun"], self._codec.n_classes - 1)
        self._begun = begun[(begun >= 0).all(axis=tuple(range(1, begun.ndim)))]


class NoteLines(StreamFormat[ChoraleGrid]):
    """One line of JSON a sixteenth: `{"on": {"soprano": 67}, "hold": {"bass": 48}}`.

    `on` has the notes that begin, `hold` those that go on, as MIDI numbers; a voice in neither is
    silent. A line stands for itself, so one may begin to listen at any of them.
    """

    header = b""
    kind, media_type = "notes", "application/x-ndjson"

    def pack(self, piece: ChoraleGrid) -> bytes:
        """The lines of a piece's steps."""
        return b"".join(_line(*step) for step in zip(piece.pitch, piece.attack, strict=True))

    def encodings(self) -> Mapping[str, Callable[[ChoraleGrid], bytes]]:
        """The lines as they are."""
        return {"json": self.pack}

    def midi_output(self, port: str) -> LiveOutput[ChoraleGrid]:
        """The four voices on four channels of a port, at the usual tempo."""
        from .midi_port import LivePlayer, open_port

        return LivePlayer(open_port(port))

    def sound_output(self) -> LiveOutput[ChoraleGrid]:
        """The four voices on the organ, at the usual tempo."""
        from .live_organ import OrganOutput

        return OrganOutput(SoundOutput(_SOUND_HZ), _SOUND_HZ)


def _line(pitch: Pitches, attack: Flags) -> bytes:
    sounding = [
        (voice, int(note), bool(struck))
        for voice, note, struck in zip(VOICES, pitch, attack, strict=True)
        if note != REST
    ]
    notes = {
        "on": {voice: note for voice, note, struck in sounding if struck},
        "hold": {voice: note for voice, note, struck in sounding if not struck},
    }
    return json.dumps(notes).encode() + b"\n"

"""Binary frames of the stream protocol: 16 bytes that say what comes, then the payload itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from ..errors import ProtocolError

_HEADER = struct.Struct("<BBHIQ")  # kind, voice, nothing, steps, first step
MAX_VOICES = 16
"""Voices of one connection."""
MAX_STEP = 2**63 - 1
"""So that every step is an int64."""


class Kind(IntEnum):
    """What the payload of a frame is."""

    SAMPLES = 1
    """Mono sound in the encoding of the stream, `s16le` or `f32le`."""
    LINES = 2
    """Lines of JSON: notes or values."""
    STATE = 3
    """A saved voice, as safetensors."""
    BYTES = 4
    """What only the domain's own readers know."""


@dataclass(frozen=True)
class Frame:
    """One piece of one voice, or its state. Raises `ProtocolError` where it is none."""

    kind: Kind
    voice: int
    steps: int
    """How many steps the payload holds; 0 for a state."""
    first: int
    """The first of them; of a state, the step that comes next."""
    payload: bytes

    def __post_init__(self) -> None:
        """Refuse what a listener could not use."""
        if not 0 <= self.voice < MAX_VOICES:
            raise ProtocolError(f"the frame's voice is {self.voice}; it must be 0 to 15")
        if not 0 <= self.steps < 2**32:
            raise ProtocolError(f"the frame has {self.steps} steps; send fewer than 2^32 at once")
        if not 0 <= self.first <= MAX_STEP - self.steps:
            raise ProtocolError(
                f"the frame's first step is {self.first} and it has {self.steps}; steps are "
                "counted from 0 to 2^63 - 1"
            )
        if fault := _FAULTS[self.kind](self):
            raise ProtocolError(
                f"a frame of {self.steps} steps of {self.kind.name.lower()} has "
                f"{len(self.payload)} bytes: {fault}"
            )

    def pack(self) -> bytes:
        """The bytes that go over the wire."""
        return _HEADER.pack(self.kind, self.voice, 0, self.steps, self.first) + self.payload

    @classmethod
    def unpack(cls, content: bytes) -> Frame:
        """The frame of these bytes, which come from anyone. Raises `ProtocolError`."""
        if len(content) < _HEADER.size:
            raise ProtocolError(
                f"a frame of {len(content)} bytes came; its header alone has {_HEADER.size}"
            )
        kind, voice, nothing, steps, first = _HEADER.unpack_from(content)
        if kind not in Kind.__members__.values():
            raise ProtocolError(f"the frame's kind is {kind}; version 1 has 1 to 4")
        if nothing:
            raise ProtocolError(f"bytes 2 and 3 of the frame are {nothing}; they must be 0")
        return cls(Kind(kind), voice, steps, first, bytes(content[_HEADER.size :]))


def _samples(frame: Frame) -> str:
    if len(frame.payload) not in (2 * frame.steps, 4 * frame.steps):
        return "s16le has 2 bytes a step, f32le 4"
    return ""


def _lines(frame: Frame) -> str:
    if frame.payload and not frame.payload.endswith(b"\n"):
        return "its last line does not end"
    return ""


def _state(frame: Frame) -> str:
    return "a state has no steps" if frame.steps else "" if frame.payload else "it is empty"


def _bytes(frame: Frame) -> str:
    return ""


_FAULTS = {Kind.SAMPLES: _samples, Kind.LINES: _lines, Kind.STATE: _state, Kind.BYTES: _bytes}
"""What is wrong with a payload, in words; nothing where all is well."""

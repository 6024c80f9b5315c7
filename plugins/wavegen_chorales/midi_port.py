"""A chorale played live: notes to a MIDI port, on time, while it is still being made.

mido sends; opening a port of the machine needs python-rtmidi.

Dimensions: T steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, Self

import mido

from wavegen.domain_player import LiveOutput
from wavegen.errors import ConfigError

from .grid import DEFAULT_BPM, REST, STEPS_PER_QUARTER, ChoraleGrid

_VELOCITY = 80
_CHOIR = 52
_LATE_SECONDS = 0.25  # what is later than this moves all that follows, so that nothing rushes


class Port(Protocol):
    """What mido's outputs can do."""

    def send(self, message: mido.Message, /) -> None:
        """Send one message now."""
        ...

    def close(self) -> None:
        """Give the port back."""
        ...


def open_port(name: str) -> Port:
    """The MIDI output that is called `name`, or whose name begins so.

    Raises `ConfigError` where python-rtmidi is missing, or no such port can be opened.
    """
    try:
        names = mido.get_output_names()  # pyright: ignore[reportAttributeAccessIssue]
    except ImportError as error:
        raise ConfigError("MIDI ports need python-rtmidi; pip install 'wavegen[midi]'") from error
    except Exception as error:  # rtmidi's own, where the machine has no MIDI at all
        raise ConfigError(f"this machine offers no MIDI ports ({error})") from error
    found = [each for each in names if each == name] or [n for n in names if n.startswith(name)]
    if not found:
        known = ", ".join(map(repr, names)) or "none; start a synthesizer first"
        raise ConfigError(f"there is no MIDI output {name!r}; there are: {known}")
    try:
        return mido.open_output(found[0])  # pyright: ignore[reportAttributeAccessIssue]
    except Exception as error:  # rtmidi's own, where another program keeps the port to itself
        raise ConfigError(f"the MIDI output {found[0]!r} cannot be opened ({error})") from error


class LivePlayer(LiveOutput[ChoraleGrid]):
    """Plays pieces of one chorale end to end, each voice on a channel of its own.

    A context manager: on the way out, also after an error or Ctrl-C, every note is let go and the
    port is closed.
    """

    def __init__(
        self,
        port: Port,
        bpm: float = DEFAULT_BPM,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._port = port
        self._step_seconds = 60 / bpm / STEPS_PER_QUARTER
        self._clock, self._sleep = clock, sleep
        self._sounding = [REST] * 4
        self._due: float | None = None  # when the next step begins; None before the first

    def __enter__(self) -> Self:
        """Choose a choir on each channel."""
        for channel in range(4):
            self._port.send(mido.Message("program_change", program=_CHOIR, channel=channel))
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of what sounds, and close the port."""
        try:
            self._strike([REST] * 4, [False] * 4)
        finally:
            self._port.close()

    def play(self, piece: ChoraleGrid) -> None:
        """Send the notes of a piece, each step when its time has come.

        Returns when the last step begins, a sixteenth before the next piece is due. A note that
        the first step goes on with is not struck again.
        """
        for pitches, attacks in zip(piece.pitch.tolist(), piece.attack.tolist(), strict=True):
            now = self._clock()
            if self._due is None or now > self._due + _LATE_SECONDS:
                self._due = now
            if self._due > now:
                self._sleep(self._due - now)
            self._strike(pitches, attacks)
            self._due += self._step_seconds

    def finish(self) -> None:
        """Wait until the last step is over."""
        if self._due is not None:
            self._sleep(max(0.0, self._due - self._clock()))

    def _strike(self, pitches: list[int], attacks: list[bool]) -> None:
        """Notes that end, then notes that begin."""
        changed = [
            channel
            for channel, (pitch, attack) in enumerate(zip(pitches, attacks, strict=True))
            if attack or pitch != self._sounding[channel]
        ]
        for channel in changed:
            if self._sounding[channel] != REST:
                self._send("note_off", self._sounding[channel], 0, channel)
            self._sounding[channel] = REST
        for channel in changed:
            if pitches[channel] != REST:
                self._sounding[channel] = pitches[channel]  # first: whatever happens, it is ended
                self._send("note_on", pitches[channel], _VELOCITY, channel)

    def _send(self, kind: str, pitch: int, velocity: int, channel: int) -> None:
        self._port.send(mido.Message(kind, note=pitch, velocity=velocity, channel=channel))

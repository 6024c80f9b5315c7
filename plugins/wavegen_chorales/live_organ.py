"""The organ while the piece is still being made: steps in, sound out, a sixteenth later.

Dimensions: N samples, T steps.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from wavegen.domain_player import LiveOutput

from .grid import DEFAULT_BPM, REST, STEPS_PER_QUARTER, ChoraleGrid
from .organ import PEAK, RELEASE_SECONDS, Samples, gap, period, shape, tone

_SILENT = ([REST] * 4, [False] * 4)


class _Note(NamedTuple):
    """A note that sounds."""

    pitch: int
    first: int
    """Its first sample."""


class LiveOrgan:
    """All its pieces and the end are what `organ.render` makes of the whole, at the usual tempo.

    It holds one step back: a note that is struck again is let go a little before.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._step = 60 / DEFAULT_BPM / STEPS_PER_QUARTER * rate_hz
        self._tail = round(RELEASE_SECONDS * rate_hz)
        self._sounding: list[_Note | None] = [None] * 4
        self._over = np.zeros(self._tail, np.float32)  # of notes that have ended
        self._last: tuple[list[int], list[bool]] | None = None  # the step that is held back
        self._n = 0  # steps before that
        self._periods: dict[int, Samples] = {}

    def push(self, piece: ChoraleGrid) -> Samples:
        """The sound `(N,)` of the steps up to the last but one."""
        sounds = [
            self._next(step)
            for step in zip(piece.pitch.tolist(), piece.attack.tolist(), strict=True)
        ]
        return np.concatenate([*sounds, np.zeros(0, np.float32)])

    def finish(self) -> Samples:
        """The sound of the last step, and of the room after it."""
        last = self._next(_SILENT)
        self._last = None
        return np.concatenate([last, np.clip(self._over, -PEAK, PEAK)])

    def _next(self, step: tuple[list[int], list[bool]]) -> Samples:
        """The sound of the step that was held back; the new one tells how its notes end."""
        held, self._last = self._last, step
        if held is None:
            return np.zeros(0, np.float32)
        start, stop = round(self._n * self._step), round((self._n + 1) * self._step)
        self._n += 1
        sound = np.zeros(stop - start + self._tail, np.float32)
        sound[: self._tail] = self._over
        for voice, (pitch, attack, after, again) in enumerate(zip(*held, *step, strict=True)):
            note = self._sounding[voice]
            if pitch != REST and (note is None or attack or note.pitch != pitch):
                note = _Note(pitch, start)
            if pitch == REST or note is None:
                self._sounding[voice] = None
                continue
            ends = again or after != pitch
            self._add(sound, note, start, stop, ends, ends and after == pitch)
            self._sounding[voice] = None if ends else note
        self._over = sound[stop - start :]
        return np.clip(sound[: stop - start], -PEAK, PEAK)

    def _add(
        self, sound: Samples, note: _Note, start: int, stop: int, ends: bool, again: bool
    ) -> None:
        """Samples of a note from `start` on: to `stop`, or to its end and the room after it."""
        if note.pitch not in self._periods:
            self._periods[note.pitch] = period(note.pitch, self._rate_hz)
        table = self._periods[note.pitch]
        length = stop - note.first
        if again:
            length -= gap(length, self._tail)
        whole = length + self._tail if ends else length
        heard = tone(table, note.pitch, start - note.first, whole, self._rate_hz)
        shape(heard, start - note.first, length if ends else None, self._tail, self._rate_hz)
        sound[: len(heard)] += heard


class OrganOutput(LiveOutput[ChoraleGrid]):
    """The four voices on the organ, to wherever sound goes."""

    def __init__(self, sound: LiveOutput[Samples], rate_hz: int) -> None:
        self._sound, self._organ = sound, LiveOrgan(rate_hz)

    def __enter__(self) -> Self:
        """Make ready to play."""
        self._sound.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Fall silent."""
        self._sound.__exit__(*error)

    def play(self, piece: ChoraleGrid) -> None:
        """Play the steps of a piece."""
        self._sound.play(self._organ.push(piece))
        self.underruns = self._sound.underruns

    def finish(self) -> None:
        """Play what was held back, and wait until all was heard."""
        self._sound.play(self._organ.finish())
        self._sound.finish()

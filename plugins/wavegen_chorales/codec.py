"""Grids to the events that a model sees, and back. Importing this module imports no torch.

Dimensions: T steps; 4 values an event, in drawing order; S symbols.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

from .grid import REST, VOICES, ChoraleGrid, Flags, Pitches, name_of

LOWEST, HIGHEST = 36, 81
N_PITCHES = HIGHEST - LOWEST + 1
DRAWING_ORDER = (0, 3, 1, 2)
"""Voice of each value of an event: the outer voices first, as harmony is written."""
_GRID_ORDER = (0, 2, 3, 1)
"""Value of an event that belongs to each voice of a grid."""

Events = npt.NDArray[np.int64]
"""`(T, 4)` classes, in drawing order; `(4 T,)` where each note is a symbol of its own."""


class Codec:
    """Classes: 0 is a rest, 1 to 46 are the pitches 36 to 81 struck, 47 to 92 the same held on.

    Without holds only the first 47 are used, and equal neighbours are one note.
    """

    event_shape = (4,)
    symbols = 1
    """How many symbols a step is."""

    def __init__(self, holds: bool) -> None:
        self.holds = holds
        self.n_classes = 1 + N_PITCHES * (2 if holds else 1)

    def encode(self, grid: ChoraleGrid) -> Events:
        """A grid to its events. What goes on from before its first step is struck there.

        Raises `DataError` where a voice leaves the range, with the transposition that would help.
        """
        self._admit(grid)
        pitch = grid.pitch.astype(np.int64)
        classes = np.where(pitch == REST, 0, pitch - LOWEST + 1)
        if self.holds:
            held = ~grid.attack & (pitch != REST)
            held[:1] = False
            classes = classes + N_PITCHES * held
        return classes[:, DRAWING_ORDER]

    def decode(self, events: Events, before: Pitches | None = None) -> tuple[Pitches, Flags]:
        """Events to pitches and attacks `(T, 4)` in the order of a grid.

        `before` `(4,)` is what sounded just before, nothing if not given; a pitch that is held
        without having sounded is struck.
        """
        classes = events[:, _GRID_ORDER]
        rests = classes == 0
        pitch = np.where(rests, REST, (classes - 1) % N_PITCHES + LOWEST).astype(np.int8)
        first = np.full(4, REST, np.int8) if before is None else before
        changes = pitch != np.concatenate([first[None], pitch])[:-1]
        attack = (changes | ((classes <= N_PITCHES) & self.holds)) & ~rests
        return pitch, attack

    def transpose(self, events: Events, semitones: int) -> Events:
        """Events so many semitones higher; the caller keeps them in range."""
        return np.where(events == 0, 0, events + semitones)

    def _admit(self, grid: ChoraleGrid) -> None:
        sung = grid.pitch[grid.pitch != REST]
        if not len(sung) or (sung.min() >= LOWEST and sung.max() <= HIGHEST):
            return
        outside = (grid.pitch != REST) & ((grid.pitch < LOWEST) | (grid.pitch > HIGHEST))
        step, voice = (int(i) for i in np.argwhere(outside)[0])
        note = int(grid.pitch[step, voice])
        move = LOWEST - int(sung.min()) if sung.min() < LOWEST else HIGHEST - int(sung.max())
        fits = int(np.ptp(sung)) < N_PITCHES
        cure = f"transpose it by {move:+d} semitones" if fits else "no transposition brings it in"
        raise DataError(
            f"{grid.source or 'grid'}: {VOICES[voice]} sings {name_of(note)} at step {step}; "
            f"notes from {name_of(LOWEST)} to {name_of(HIGHEST)} are known; {cure}"
        )


class FlatCodec:
    """The same classes one after the other: a step is four symbols, in drawing order."""

    event_shape = ()
    symbols = 4

    def __init__(self, holds: bool) -> None:
        self._framed = Codec(holds)
        self.n_classes = self._framed.n_classes

    def encode(self, grid: ChoraleGrid) -> Events:
        """A grid to symbols `(4 T,)`. Raises `DataError` where a voice leaves the range."""
        return self._framed.encode(grid).reshape(-1)

    def decode(self, events: Events, before: Pitches | None = None) -> tuple[Pitches, Flags]:
        """Symbols `(S,)` to pitches and attacks `(S // 4, 4)`; a last step needs all its four."""
        whole = len(events) - len(events) % self.symbols
        return self._framed.decode(events[:whole].reshape(-1, self.symbols), before)


AnyCodec = Codec | FlatCodec

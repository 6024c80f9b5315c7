"""A chorale in memory: four voices on a grid of sixteenths, and what is known about them.

Dimensions: T steps of one sixteenth; voices in the order soprano, alto, tenor, bass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

from .keys import Key as Key

VOICES = ("soprano", "alto", "tenor", "bass")
REST = -1
UNKNOWN = -1
STEPS_PER_QUARTER = 4
DEFAULT_BPM = 72.0
MIN_BPM, MAX_BPM = 4.0, 600.0
"""What a MIDI file can say, and more than anyone can sing."""
MAX_BAR_STEPS = 128
MAX_STEPS = 65_536
"""Longest piece that is read: 4,096 bars of 4/4."""
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

Pitches = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ChoraleGrid:
    """What sounds in each voice at each sixteenth.

    A note begins where `attack` is set, and wherever the pitch changes; only the first step may
    go on with a note from before, where the grid is a piece of a longer one.
    """

    pitch: Pitches
    """`(T, 4)` MIDI numbers, -1 is a rest."""
    attack: Flags
    """`(T, 4)` whether a note begins here; never at a rest."""
    fermata: Flags
    """`(T,)` whether the notes here are held by a fermata; all False also where nothing is known"""
    pos: npt.NDArray[np.int16]
    """`(T,)` sixteenths since the bar line, or -1 where the metre is unknown.

    Each is one more than the one before, or 0. A pickup ends at `bar_steps`: it starts above 0.
    """
    bar_steps: int = 16
    """Steps of a full bar: 16 for 4/4."""
    key: Key | None = None
    bpm: float = DEFAULT_BPM
    """Quarters a minute."""
    source: str = ""
    """Where it came from: a path, a name, or nothing."""

    def __post_init__(self) -> None:
        """Refuse what is no chorale, and spell out the attacks that changes of pitch imply."""
        steps = len(self.pitch)
        arrays = {
            "pitch": (self.pitch, np.int8, (steps, 4)),
            "attack": (self.attack, np.bool_, (steps, 4)),
            "fermata": (self.fermata, np.bool_, (steps,)),
            "pos": (self.pos, np.int16, (steps,)),
        }
        for name, (array, dtype, shape) in arrays.items():
            if array.dtype != dtype or array.shape != shape:
                raise DataError(
                    f"grid {self.source!r}: {name} is {array.dtype} {array.shape}, not "
                    f"{np.dtype(dtype)} {shape}"
                )
        sharps = self.key.sharps if self.key else 0
        facts = {
            "sharps": (sharps, -7, 7),
            "bpm": (self.bpm, MIN_BPM, MAX_BPM),
            "bar_steps": (self.bar_steps, 1, MAX_BAR_STEPS),
        }
        for name, (value, low, high) in facts.items():
            if not low <= value <= high:
                raise DataError(f"grid {self.source!r}: {name} is {value}, not {low} to {high}")
        changes = self.pitch[1:] != self.pitch[:-1]
        attack = self.attack & (self.pitch != REST)
        attack[1:] |= changes & (self.pitch[1:] != REST)
        object.__setattr__(self, "attack", attack)

    @classmethod
    def of(cls, pitch: npt.ArrayLike, attack: npt.ArrayLike | None = None) -> ChoraleGrid:
        """A grid `(T, 4)` of which nothing else is known; without attacks, only changes strike.

        The first step of every voice is struck.
        """
        pitches = np.asarray(pitch, np.int8).reshape(-1, 4)
        struck = np.zeros(pitches.shape, bool) if attack is None else np.array(attack, bool)
        struck[:1] = True
        steps = len(pitches)
        return cls(pitches, struck, np.zeros(steps, bool), np.full(steps, UNKNOWN, np.int16))

    def __len__(self) -> int:
        """T, the number of steps."""
        return len(self.pitch)

    def __eq__(self, other: object) -> bool:
        """Whether all that sounds and all that is known is equal, wherever they came from."""
        if not isinstance(other, ChoraleGrid):
            return NotImplemented
        known = (self.bar_steps, self.key, self.bpm) == (other.bar_steps, other.key, other.bpm)
        return known and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("pitch", "attack", "fermata", "pos")
        )

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def cut(self, start: int, stop: int) -> ChoraleGrid:
        """The steps from start to stop, with the same key and tempo."""
        part = slice(start, stop)
        return replace(
            self,
            pitch=self.pitch[part],
            attack=self.attack[part],
            fermata=self.fermata[part],
            pos=self.pos[part],
        )

    def transposed(self, semitones: int) -> ChoraleGrid:
        """All voices so many semitones higher; `DataError` beyond the MIDI numbers 0 to 127."""
        moved = self.pitch.astype(np.int16) + semitones
        sounding = self.pitch != REST
        if (sounding & ((moved < 0) | (moved > 127))).any():
            raise DataError(f"{self.source or 'grid'}: cannot be moved by {semitones} semitones")
        return replace(
            self,
            pitch=np.where(sounding, moved, REST).astype(np.int8),
            key=self.key and self.key.transposed(semitones),
        )


@dataclass(frozen=True)
class Reading:
    """A grid as a file gave it, and what is worth a word about how it was read."""

    grid: ChoraleGrid
    notes: tuple[str, ...] = ()
    """One line each, such as how many notes were off the grid."""


def join(pieces: Sequence[ChoraleGrid]) -> ChoraleGrid:
    """Pieces end to end; what is known besides the notes comes from the first."""
    return replace(
        pieces[0],
        pitch=np.concatenate([piece.pitch for piece in pieces]),
        attack=np.concatenate([piece.attack for piece in pieces]),
        fermata=np.concatenate([piece.fermata for piece in pieces]),
        pos=np.concatenate([piece.pos for piece in pieces]),
    )


def name_of(pitch: int) -> str:
    """A MIDI number as people write it: 60 is C4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"

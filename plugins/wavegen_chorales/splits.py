"""Train, validation and test: pieces as events and conditions, in windows.

Dimensions: T steps, C condition channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wavegen.domain import Split

from .codec import AnyCodec, Events
from .conditions import Conditions
from .exercises import exercise
from .grid import REST, ChoraleGrid


@dataclass(frozen=True)
class Piece:
    """A piece of music and its name."""

    name: str
    grid: ChoraleGrid


class WholePieces(Split):
    """Pieces as they are, with all that is known of them: what is scored."""

    def __init__(self, pieces: Sequence[Piece], codec: AnyCodec, conditions: Conditions) -> None:
        self._pieces = list(pieces)
        self._events = [torch.from_numpy(codec.encode(piece.grid)) for piece in pieces]
        self._conditions = conditions

    @property
    def names(self) -> Sequence[str]:
        """The files' names."""
        return [piece.name for piece in self._pieces]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """`(N,)` events of each."""
        return np.array([len(events) for events in self._events], np.int64)

    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Events `(T, 4)`, or flat, and conditions `(T, C)`."""
        events = self._events[index][start:stop]
        if not self._conditions.channels:
            return events, None
        rows = self._conditions.rows(self._pieces[index].grid)[start:stop]
        return events, torch.from_numpy(rows)

    def static(self, index: int) -> None:
        """There are no labels."""


class Exercises(WholePieces):
    """Pieces to learn from: some of what is known is hidden, and some of the notes are given.

    What is hidden and given depends on the seed, the piece and the start of the window alone.
    """

    def __init__(
        self, pieces: Sequence[Piece], codec: AnyCodec, conditions: Conditions, seed: int
    ) -> None:
        super().__init__(pieces, codec, conditions)
        self._seed = seed

    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Events `(T, 4)` and conditions `(T, C)`."""
        events, known = super().read(index, start, stop)
        if known is None:
            return events, None
        rng = np.random.default_rng([self._seed, index, start])
        grid = self._pieces[index].grid.cut(start, stop)
        rows = exercise(known.numpy(), events.numpy(), grid, self._conditions, rng)
        return events, torch.from_numpy(rows)


def steps_of(split: Split) -> list[Events]:
    """The steps `(T, 4)` of every sequence, flat or not."""
    return [
        split.read(i, 0, n)[0].numpy().reshape(-1, 4) for i, n in enumerate(split.lengths.tolist())
    ]


def transpositions(pieces: Sequence[Piece]) -> list[Piece]:
    """Each piece in every transposition that keeps each voice in its range of all `pieces`."""
    ends = np.array([_ends(piece.grid) for piece in pieces]).reshape(-1, 2, 4)
    lowest, highest = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)
    variants: list[Piece] = []
    for piece, (low, high) in zip(pieces, ends, strict=True):
        down, up = int((lowest - low).max()), int((highest - high).min())
        variants += [
            Piece(f"{piece.name} {semitones:+d}", piece.grid.transposed(semitones))
            if semitones
            else piece
            for semitones in range(max(down, -11), min(up, 11) + 1)
        ]
    return variants


def _ends(grid: ChoraleGrid) -> npt.NDArray[np.int64]:
    """Lowest and highest pitch `(2, 4)` of each voice; a voice that never sounds limits nothing."""
    pitch = grid.pitch.astype(np.int64)
    rests = pitch == REST
    low = np.where(rests, 127, pitch).min(axis=0, initial=127)
    high = np.where(rests, 0, pitch).max(axis=0, initial=0)
    return np.stack([low, high])


def untransposed(grid: ChoraleGrid) -> bytes:
    """The notes of a piece, the same in every transposition: what decides its split."""
    pitch = grid.pitch.astype(np.int16)
    sounding = pitch != REST
    lowest = pitch[sounding].min(initial=127)
    return np.where(sounding, pitch - lowest, REST).astype("<i2").tobytes()

"""A session: one voice under a person's hands, to be primed, played, marked, forked and kept.

Dimensions: T steps, E event shape, C condition channels.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from torch import Tensor

from .controls import ControlChanges, Controls
from .engines.engine import Engine, Voice
from .heads import Head
from .session_file import Kept, pack, read, unpack, write


class Session:
    """Symbols in and out, in any pieces: the same symbols come out for every way of cutting."""

    def __init__(self, engine: Engine, head: Head, voice: Voice, fingerprint: str) -> None:
        head.admit(voice.controls)
        self._engine, self._head, self._fingerprint = engine, head, fingerprint
        self._voice = voice

    @property
    def position(self) -> int:
        """How many symbols the sequence has."""
        return self._voice.position

    @property
    def seed(self) -> int:
        """Its noise is a function of this and of the position."""
        return self._voice.seed

    @property
    def controls(self) -> Controls:
        """How its next symbols are drawn."""
        return self._voice.controls

    def update(self, **changes: Unpack[ControlChanges]) -> None:
        """Draw otherwise from the next symbol on; the other controls stay."""
        controls = replace(self.controls, **changes)
        self._head.admit(controls)
        self._voice = replace(self._voice, controls=controls)

    def prime(self, x: Tensor, cond: Tensor | None = None) -> None:
        """Take in symbols `(T, *E)` as if they had been drawn; `cond` `(T, C)` belongs to them."""
        self._voice = self._engine.prime(self._voice, x, cond)

    def step(self, n: int = 1, cond: Tensor | None = None) -> Tensor:
        """Draw the next n symbols `(n, *E)`; `cond` is `(n, C)`."""
        rows = None if cond is None else cond[None]
        drawn, (self._voice,) = self._engine.advance([self._voice], n, rows)
        return drawn[0]

    def mark(self) -> Voice:
        """This moment, for `rewind`; it costs nothing."""
        return self._voice

    def rewind(self, mark: Voice) -> None:
        """Go back (or forth) to a moment of this session or of its forks."""
        self._voice = mark

    def fork(self, seed: int | None = None) -> Session:
        """A session that goes on from here by itself: otherwise with another seed, else alike."""
        seed = self.seed if seed is None else seed
        twin = replace(self._voice, seed=seed)
        return Session(self._engine, self._head, twin, self._fingerprint)

    def save(self, path: Path | str) -> None:
        """Write everything that `resume` needs, beside the model itself, to one file."""
        write(Path(path), pack(Kept(self._voice), self._fingerprint))

    @classmethod
    def resume(
        cls, path: Path, engine: Engine, head: Head, like: Voice, fingerprint: str
    ) -> Session:
        """Read a saved session; `like` is any voice of the same model."""
        kept = unpack(read(path), str(path), like, head, fingerprint)
        return cls(engine, head, kept.voice, fingerprint)

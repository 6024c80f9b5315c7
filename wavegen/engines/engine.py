"""The contract of an engine: it advances voices, and how fast it does is its own affair.

Dimensions: V voices, T steps, E event shape, C condition channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from ..controls import Controls


@dataclass(frozen=True)
class Voice:
    """One sequence being played, between two steps. It is a value: an engine returns new ones.

    Nobody writes into the tensors of a voice, so to remember one is to keep it, and a fork is
    the same voice with another seed.
    """

    state: Any
    """The model's memory of all symbols before `last`; a tree with one row."""
    last: Tensor
    """The symbol `(1, *E)` that the next step takes in."""
    position: int
    """Index of the next symbol; negative inside the lead-in."""
    seed: int = 0
    controls: Controls = field(default_factory=Controls)


class Seat(ABC):
    """A voice that an engine plays in place: its memory is its own, and is written to."""

    @property
    @abstractmethod
    def voice(self) -> Voice:
        """The voice as it stands, which playing on does not change."""

    @abstractmethod
    def control(self, controls: Controls) -> None:
        """Draw otherwise from the next symbol on."""


class Engine(ABC):
    """Plays one model. A voice's symbols do not depend on what else the engine plays."""

    slots: int
    """How many voices it can advance at once."""
    primes_aside: bool = True
    """Whether one thread may prime a voice while another one plays."""

    @abstractmethod
    def start(self, first: Tensor, position: int, static: Tensor | None = None) -> Voice:
        """A voice that has seen nothing; `first` `(*E)` is the symbol at `position - 1`.

        `static` is the class id `()` or the vector `(D,)` of the sequence.
        """

    @abstractmethod
    def prime(self, voice: Voice, x: Tensor, cond: Tensor | None = None) -> Voice:
        """The voice after symbols `(T, *E)` that were given; `cond` `(T, C)` belongs to them."""

    @abstractmethod
    def advance(
        self, voices: Sequence[Voice], n_steps: int, cond: Tensor | None = None
    ) -> tuple[Tensor, list[Voice]]:
        """Draw `(V, T, *E)` on the CPU, and the voices after that; `cond` is `(V, T, C)`."""

    def seat(self, voice: Voice) -> Seat:
        """A seat for the voice, which stays what it is."""
        return _ValueSeat(voice)

    def play(self, seats: Sequence[Seat], n_steps: int, cond: Tensor | None = None) -> Tensor:
        """`advance` in place: `(V, T, *E)` on the CPU; the seats are this engine's own."""
        drawn, after = self.advance([seat.voice for seat in seats], n_steps, cond)
        for seat, voice in zip(seats, after, strict=True):
            assert isinstance(seat, _ValueSeat)
            seat.move(voice)
        return drawn


class _ValueSeat(Seat):
    """The voice of an engine that returns new ones."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    @property
    def voice(self) -> Voice:
        return self._voice

    def control(self, controls: Controls) -> None:
        self._voice = replace(self._voice, controls=controls)

    def move(self, voice: Voice) -> None:
        self._voice = voice

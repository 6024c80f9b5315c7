"""The contract of who is played to.

Dimensions: T steps, E event shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from ..errors import WavegenError


class Listener(ABC):
    """Told of its stream in the thread that plays it; so each of these returns at once."""

    @abstractmethod
    def queued(self, place: int) -> None:
        """All slots are taken; 1 is who gets the next one. Told again now and then."""

    @abstractmethod
    def began(self) -> None:
        """It has a slot."""

    def drawn(self, x: Tensor) -> None:  # noqa: B027, most listeners have no use for it
        """The symbols `(T, *E)` of the piece that comes right after."""

    @abstractmethod
    def piece(self, first_step: int, n_steps: int, raw: Any) -> None:
        """The next steps, decoded."""

    @abstractmethod
    def ended(self, error: WavegenError | None) -> None:
        """There will be no more: all steps were drawn, or something is amiss. Told once, last."""

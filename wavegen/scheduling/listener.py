"""The contract of who is played to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ..errors import WavegenError


class Listener(ABC):
    """Told of its stream in the thread that plays it; so each of these returns at once."""

    @abstractmethod
    def queued(self, place: int) -> None:
        """All slots are taken; 1 is who gets the next one. Told again now and then."""

    @abstractmethod
    def began(self) -> None:
        """It has a slot."""

    @abstractmethod
    def piece(self, first_step: int, n_steps: int, raw: Any) -> None:
        """The next steps, decoded."""

    @abstractmethod
    def ended(self, error: WavegenError | None) -> None:
        """There will be no more: all steps were drawn, or something is amiss. Told once, last."""

"""How far ahead voices are made, and how long to wait where they are made too slowly."""

from __future__ import annotations

from dataclasses import dataclass

from .limits import Limits
from .served import Served

_MARGIN = 8 / 7  # a scheduler is content with seven eighths of what a voice may be ahead


@dataclass(frozen=True)
class Pace:
    """Below real time a sequence is begun to be heard later, so that it does not stop once begun.

    Of S seconds, made x times as fast as they are heard, S (1 - x) must be there before; they take
    S (1 - x) / x seconds to make.
    """

    max_ahead_steps: int
    rate_hz: float
    seconds: float
    """What shall be heard in one go."""

    @classmethod
    def of(
        cls, asked_ms: int, seconds: float | None, served: Served, voices: int, limits: Limits
    ) -> Pace:
        """As far ahead as was asked for and is allowed; further where that alone will do.

        A sequence without an end gets the usual length of its kind.
        """
        rate_hz = served.rate_hz
        seconds = served.model.domain.default_seconds if seconds is None else seconds
        company = min(served.scheduler.n_slots, served.scheduler.n_playing + voices)
        xrt = served.scheduler.speeds.xrt(company, rate_hz)
        needed = _MARGIN * seconds * max(0.0, 1 - xrt)
        ahead = max(min(asked_ms / 1000, limits.ahead_seconds), needed)
        return cls(max(1, round(ahead * rate_hz)), rate_hz, seconds)

    @property
    def max_ahead_ms(self) -> int:
        """What the listener is told."""
        return max(1, round(1000 * self.max_ahead_steps / self.rate_hz))

    def wait_seconds(self, xrt: float) -> float:
        """How long to wait where voices are made at `xrt`."""
        return 0.0 if xrt >= 1 else self.seconds * (1 - xrt) / max(xrt, 1e-6)

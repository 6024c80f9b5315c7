"""Settings and presets of the Clockwork RNN. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class ClockworkConfig:
    """Sizes and choices of a Clockwork RNN."""

    groups: int = option(8, "groups of units, with periods 1, 2, 4, ...")
    periods: tuple[int, ...] = option(
        (), "a free list of periods, from fast to slow, instead of groups"
    )
    units: int = option(64, "units of each group")
    embedding: int = option(64, "width of the vector that a symbol or value becomes")

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        if not 1 <= self.groups <= 24:
            raise ConfigError(f"model.groups is {self.groups}; it must be 1 to 24")
        for name in ("units", "embedding"):
            if not 1 <= getattr(self, name) <= 65536:
                raise ConfigError(f"model.{name} is {getattr(self, name)}; it must be 1 to 65536")
        periods = self.periods
        if not all(1 <= p <= 2**24 for p in periods) or len(periods) > 64:
            raise ConfigError("model.periods must be at most 64 numbers from 1 to 2^24")
        if periods and (periods[0] != 1 or list(periods) != sorted(periods)):
            raise ConfigError(
                f"model.periods is {','.join(map(str, periods))}; it must begin with 1, so that "
                "every symbol is seen, and not fall"
            )

    @property
    def all_periods(self) -> tuple[int, ...]:
        """The period of every group, from fast to slow."""
        return self.periods or tuple(2**i for i in range(self.groups))


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"groups": 4, "units": 16, "embedding": 32},
    "small": {"groups": 8, "units": 32, "embedding": 64},
    "base": {"groups": 10, "units": 64, "embedding": 128},
}

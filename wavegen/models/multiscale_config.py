"""Settings and presets of the multiscale network. Importing this imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class MultiscaleConfig:
    """Sizes and choices of a multiscale network."""

    width: int = option(64, "width of the fastest tier")
    pools: tuple[int, ...] = option((4, 4), "steps of a tier that make one of the next, slower one")
    layers: tuple[int, ...] = option((4, 4, 4), "layers of each tier, the fastest first")
    expand: float = option(2.0, "width of a tier over that of the faster one before it")
    state: int = option(1, "complex units of a layer over its width")
    feed_forward: float = option(2.0, "hidden width of the feed-forward nets over width; 0 is none")
    dropout: float = option(0.0, "share of what each layer adds dropped in training")

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        if not 1 <= self.width <= 65536:
            raise ConfigError(f"model.width is {self.width}; it must be 1 to 65536")
        if not all(2 <= pool <= 1024 for pool in self.pools) or self.period > 2**20:
            raise ConfigError(
                f"model.pools is {self.pools}; each must be 2 to 1024, their product at most 2^20"
            )
        if len(self.layers) != len(self.pools) + 1 or not all(1 <= n <= 1000 for n in self.layers):
            raise ConfigError(
                f"model.layers is {self.layers} and model.pools {self.pools}; give one number from "
                "1 to 1000 for each tier, one more than there are pools"
            )
        if not 1 <= self.expand <= 16 or max(self.widths) > 65536:
            raise ConfigError(
                f"model.expand is {self.expand}; it must be 1 to 16, and no tier wider than 65536"
            )
        if not 1 <= self.state <= 64:
            raise ConfigError(f"model.state is {self.state}; it must be 1 to 64")
        if not 0 <= self.feed_forward <= 64:
            raise ConfigError(f"model.feed_forward is {self.feed_forward}; it must be 0 to 64")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}; it must be 0 or above, below 1")

    @property
    def period(self) -> int:
        """Steps of the fastest tier that make one of the slowest."""
        return math.prod(self.pools)

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of each tier, the fastest first."""
        return tuple(round(self.width * self.expand**tier) for tier in range(len(self.layers)))


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"width": 32, "layers": (2, 2, 2), "expand": 1.5},
    "small": {"width": 64, "layers": (2, 3, 4), "expand": 1.5},
    "base": {"width": 64, "layers": (4, 4, 4)},
    "S": {"width": 48, "layers": (2, 2, 2), "expand": 1.25},
}
"""`tiny`, `small`, `base` to work with; S is as large as a WaveNet S."""

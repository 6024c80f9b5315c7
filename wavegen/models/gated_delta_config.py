"""Settings and presets of the gated delta network. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class GatedDeltaConfig:
    """Sizes and choices of a gated delta network."""

    layers: int = option(6, "layers, each a memory and a feed-forward net")
    width: int = option(192, "width of the residual stream")
    heads: int = option(6, "matrix memories of a layer")
    key_width: int = option(32, "width of a key: how many things one memory tells apart")
    value_width: int = option(32, "width of what a memory gives back for a key")
    delta: bool = option(
        True, "take out what a key held before it is written anew; off: Mamba-2, RetNet"
    )
    decay: Literal["gated", "fixed", "none"] = option(
        "gated",
        "forgetting: as each step says, the same at every step (RetNet), or none (DeltaNet)",
    )
    rotary: bool = option(False, "turn queries and keys by their position")
    conv: int = option(4, "taps of the causal convolution before the memory, 2 or more")
    feed_forward: float = option(2.0, "hidden width of the feed-forward net over width; 0 is none")
    dropout: float = option(0.0, "share of what each layer adds dropped in training")

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        for name, most in (
            ("layers", 1000),
            ("width", 65536),
            ("heads", 1024),
            ("key_width", 1024),
            ("value_width", 4096),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError(f"model.{name} is {getattr(self, name)}; it must be 1 to {most}")
        if not 2 <= self.conv <= 64:
            raise ConfigError(f"model.conv is {self.conv}; it must be 2 to 64")
        if not 0 <= self.feed_forward <= 64:
            raise ConfigError(f"model.feed_forward is {self.feed_forward}; it must be 0 to 64")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}; it must be 0 or above, below 1")
        if self.rotary and self.key_width % 2:
            raise ConfigError(
                f"model.key_width is {self.key_width}; rotary positions need an even number"
            )
        if self.decay == "none" and not self.delta:
            raise ConfigError(
                "model.decay is none and model.delta is off; then a memory only ever grows: keep "
                "one of them"
            )

    @property
    def hidden(self) -> int:
        """Hidden width of the feed-forward net."""
        return round(self.feed_forward * self.width)


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"layers": 2, "width": 64, "heads": 2, "key_width": 16, "value_width": 32},
    "small": {"layers": 4, "width": 128, "heads": 4},
    "base": {"layers": 8, "width": 256, "heads": 8},
    "S": {"layers": 5, "width": 80, "heads": 3, "key_width": 24},
}
"""`tiny`, `small`, `base` to work with; S is as large as a WaveNet S."""

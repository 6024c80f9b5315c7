"""Settings and presets of the transformer with a window. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and choices of a transformer."""

    layers: int = option(4, "layers of attention and feed-forward net")
    width: int = option(128, "width of the residual stream")
    heads: int = option(4, "attention heads, which share the width")
    feed_forward: int = option(512, "width inside the feed-forward net")
    window: int = option(
        256,
        "steps that a layer attends to, the present one among them; a step's cost grows with it",
    )
    positions: Literal["rotary", "relative"] = option(
        "rotary", "queries and keys turned by their time, or a learned weight for each distance"
    )
    norm: Literal["pre", "post"] = option("pre", "normalise before each part, or after it")
    dropout: float = option(0.0, "share dropped in training of the embedding and of each part")

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        for name in ("layers", "width", "heads", "feed_forward"):
            if not 1 <= getattr(self, name) <= 65536:
                raise ConfigError(f"model.{name} is {getattr(self, name)}; it must be 1 to 65536")
        if not 2 <= self.window <= 2**20:
            raise ConfigError(f"model.window is {self.window}; it must be 2 to 2^20")
        if self.width % self.heads:
            raise ConfigError(
                f"model.width is {self.width}; {self.heads} heads cannot share it evenly"
            )
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ConfigError(
                f"model.width is {self.width} for {self.heads} heads; rotary positions need an "
                "even width of each head"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}; it must be 0 or above, below 1")


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"layers": 2, "width": 64, "heads": 4, "feed_forward": 256, "window": 128},
    "small": {"layers": 4, "width": 128, "heads": 4, "feed_forward": 512, "window": 256},
    "base": {"layers": 6, "width": 256, "heads": 8, "feed_forward": 1024, "window": 512},
    "K": {"layers": 8, "width": 256, "heads": 8, "feed_forward": 1024, "window": 1024},
    "S": {"layers": 4, "width": 88, "heads": 4, "feed_forward": 352},
}
"""`tiny`, `small`, `base` to work with; S and K are sized as the linear transformer's S and T."""

"""Settings and presets of the linear transformer. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class LinearTransformerConfig:
    """Sizes and choices of a linear transformer."""

    layers: int = option(4, "layers of attention and feed-forward net")
    width: int = option(128, "width of the residual stream")
    heads: int = option(4, "attention heads, which share the width")
    feed_forward: int = option(512, "width inside the feed-forward net")
    feature_map: Literal["elu", "relu", "squared_relu", "polynomial", "fourier"] = option(
        "elu",
        "what makes the kernel: elu + 1, relu, relu squared, exp to the second degree "
        "(the memory grows with the head's width squared), or random Fourier features",
    )
    fourier_features: int = option(64, "random Fourier features of a head, an even number")
    positions: Literal["learned", "sinusoidal", "rotary", "none"] = option(
        "sinusoidal",
        "how a step knows its place; rotary turns queries and keys before the feature map, and "
        "so tells distances exactly with polynomial and fourier",
    )
    learned_positions: int = option(
        4096, "rows of the table of learned positions; steps beyond it all take the last row"
    )
    norm: Literal["pre", "post"] = option("pre", "normalise before each part, or after it")
    dropout: float = option(0.0, "share dropped in training of the embedding and of each part")

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        sizes = ("layers", "width", "heads", "feed_forward", "learned_positions")
        for name in sizes:
            if not 1 <= getattr(self, name) <= 65536:
                raise ConfigError(f"model.{name} is {getattr(self, name)}; it must be 1 to 65536")
        if self.width % self.heads:
            raise ConfigError(
                f"model.width is {self.width}; {self.heads} heads cannot share it evenly"
            )
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ConfigError(
                f"model.width is {self.width} for {self.heads} heads; rotary positions need an "
                "even width of each head"
            )
        if self.positions == "sinusoidal" and self.width % 2:
            raise ConfigError(
                f"model.width is {self.width}; sinusoidal positions need an even number"
            )
        if not 2 <= self.fourier_features <= 65536 or self.fourier_features % 2:
            raise ConfigError(
                f"model.fourier_features is {self.fourier_features}; it must be an even number, "
                "2 to 65536"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}; it must be 0 or above, below 1")


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"layers": 2, "width": 64, "heads": 4, "feed_forward": 256},
    "small": {"layers": 4, "width": 128, "heads": 4, "feed_forward": 512},
    "base": {"layers": 6, "width": 256, "heads": 8, "feed_forward": 1024},
    "T": {"layers": 8, "width": 256, "heads": 8, "feed_forward": 1024},
    "S": {"layers": 4, "width": 88, "heads": 4, "feed_forward": 352},
}
"""`tiny`, `small`, `base` to work with; S is as large as a WaveNet S; T is of the paper's size."""

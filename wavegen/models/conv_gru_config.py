"""Settings and presets of the convolution before a GRU. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class ConvGRUConfig:
    """Sizes and choices of a strided convolution with a GRU behind it."""

    kernel: int = option(4, "symbols that a frame is made of, 2 or more")
    stride: int = option(2, "symbols from one frame to the next: the GRU runs once a frame")
    channels: int = option(64, "width of a frame")
    layers: int = option(2, "layers of the GRU")
    width: int = option(256, "units of each layer")
    embedding: int = option(32, "width of the vector that a symbol or value becomes")
    output_channels: int = option(256, "width of the hidden layer before the parameters")
    dropout: float = option(0.0, "share of each layer's outputs dropped in training")
    layer_norm: bool = option(False, "normalise what enters the gates (slower: no cuDNN)")

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        for name in ("channels", "layers", "width", "embedding", "output_channels"):
            most = 64 if name == "layers" else 65536
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError(f"model.{name} is {getattr(self, name)}; it must be 1 to {most}")
        if not 2 <= self.kernel <= 4096:
            raise ConfigError(f"model.kernel is {self.kernel}; it must be 2 to 4096")
        if not 1 <= self.stride <= self.kernel:
            raise ConfigError(
                f"model.stride is {self.stride}; it must be 1 to {self.kernel}, the kernel, else "
                "the GRU misses symbols"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}; it must be 0 or above, below 1")


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"layers": 1, "width": 64, "embedding": 16, "channels": 32, "output_channels": 64},
    "small": {"layers": 2, "width": 256, "embedding": 32, "channels": 64, "output_channels": 128},
    "base": {"kernel": 8, "stride": 4, "layers": 2, "width": 512, "embedding": 64,
             "channels": 256, "output_channels": 256},
}  # fmt: skip

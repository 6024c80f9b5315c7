"""Settings and presets of the TCN. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class TCNConfig:
    """Sizes and choices of a temporal convolutional network."""

    blocks: int = option(9, "residual blocks of two convolutions, with dilations 1, 2, 4, ...")
    channels: int = option(80, "width of every block")
    kernel: int = option(3, "taps of each convolution, 2 or more")
    dilations: tuple[int, ...] = option(
        (), "a free list of dilations, one for each block, instead of blocks"
    )
    widths: tuple[int, ...] = option(
        (), "a free list of widths, one for each block, instead of channels"
    )
    embedding_channels: int = option(
        0, "width of what enters the first block; 0 is the first block's own"
    )
    dropout: float = option(0.0, "share of a convolution's channels dropped in training")
    weight_norm: bool = option(
        False,
        "train directions and lengths of weights apart, as the paper does with Adam; Muon, which "
        "sizes updates by itself, learns a little faster without",
    )

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        if not 1 <= self.channels <= 65536:
            raise ConfigError(f"model.channels is {self.channels}; it must be 1 to 65536")
        if not 1 <= self.blocks <= 24 and not self.dilations:
            raise ConfigError(
                f"model.blocks is {self.blocks}; dilations double with each, so it must be 1 to 24 "
                "(or give model.dilations)"
            )
        if not 2 <= self.kernel <= 1024:
            raise ConfigError(f"model.kernel is {self.kernel}; it must be 2 to 1024")
        if not all(1 <= d <= 2**24 for d in self.dilations) or len(self.dilations) > 1000:
            raise ConfigError("model.dilations must be at most 1000 numbers from 1 to 2^24")
        if not all(1 <= width <= 65536 for width in self.widths):
            raise ConfigError("model.widths must be numbers from 1 to 65536")
        if self.widths and len(self.widths) != len(self.all_dilations):
            raise ConfigError(
                f"model.widths has {len(self.widths)} numbers for {len(self.all_dilations)} "
                "blocks; give one for each"
            )
        if not 0 <= self.embedding_channels <= 65536:
            raise ConfigError(
                f"model.embedding_channels is {self.embedding_channels}; it must be 0 to 65536"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}; it must be 0 or above, below 1")

    @property
    def all_dilations(self) -> tuple[int, ...]:
        """The dilation of every block."""
        return self.dilations or tuple(2**i for i in range(self.blocks))

    @property
    def all_widths(self) -> tuple[int, ...]:
        """The width of every block."""
        return self.widths or (self.channels,) * len(self.all_dilations)


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"blocks": 6, "channels": 24},
    "small": {"blocks": 8, "channels": 48},
    "base": {"blocks": 9, "channels": 128},
    "S": {"blocks": 9, "channels": 80},
}  # fmt: skip
"""`tiny`, `small`, `base` to work with; S has the parameters and the reach of the WaveNet's S."""

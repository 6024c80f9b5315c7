"""Settings and presets of the WaveNet. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class WaveNetConfig:
    """Sizes and choices of a WaveNet."""

    stacks: int = option(2, "how many times the dilations are run through")
    layers: int = option(10, "layers of a stack, with dilations 1, 2, 4, ...")
    dilations: tuple[int, ...] = option(
        (), "a free list of dilations for all layers, instead of stacks x layers"
    )
    kernel: int = option(2, "taps of each convolution, 2 or more")
    residual_channels: int = option(32, "width of the residual stream")
    gate_channels: int = option(64, "width before the gated unit, which halves it")
    skip_channels: int = option(256, "width of the sum of all skip connections")
    output_channels: int = option(0, "width of the output net; 0 is that of the skips")
    activation: Literal["gated", "relu"] = option("gated", "tanh x sigmoid, or one ReLU")
    residual: bool = option(True, "add each layer's input to its output")
    skip: bool = option(True, "sum the outputs of all layers; off: only the last layer's")
    dropout: float = option(0.0, "share of a layer's inputs dropped in training")
    weight_norm: bool = option(False, "train directions and lengths of weights apart")
    cond_layers: int = option(
        0, "causal layers that smooth repeated condition frames, dilations 1, 2, 4, ...; 0 is none"
    )

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        sizes = ("stacks", "layers", "residual_channels", "gate_channels", "skip_channels")
        for name in sizes:
            if not 1 <= getattr(self, name) <= 65536:
                raise ConfigError(f"model.{name} is {getattr(self, name)}; it must be 1 to 65536")
        if not 0 <= self.output_channels <= 65536:
            raise ConfigError(
                f"model.output_channels is {self.output_channels}; it must be 0 to 65536"
            )
        if not 2 <= self.kernel <= 1024:
            raise ConfigError(f"model.kernel is {self.kernel}; it must be 2 to 1024")
        if self.activation == "gated" and self.gate_channels % 2:
            raise ConfigError(
                f"model.gate_channels is {self.gate_channels}; a gated unit needs an even number"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.dropout is {self.dropout}; it must be 0 or above, below 1")
        if not self.dilations and (self.layers > 24 or self.stacks > 1000):
            raise ConfigError(
                f"model.layers is {self.layers} and model.stacks {self.stacks}; dilations double "
                "with each layer, so at most 24 layers and 1000 stacks make sense"
            )
        if not 0 <= self.cond_layers <= 16:
            raise ConfigError(f"model.cond_layers is {self.cond_layers}; it must be 0 to 16")
        if not all(1 <= d <= 2**24 for d in self.dilations) or len(self.dilations) > 1000:
            raise ConfigError("model.dilations must be at most 1000 numbers from 1 to 2^24")

    @property
    def all_dilations(self) -> tuple[int, ...]:
        """The dilation of every layer."""
        return self.dilations or tuple(2**i for i in range(self.layers)) * self.stacks


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"stacks": 1, "layers": 8, "residual_channels": 16, "gate_channels": 32,
             "skip_channels": 64},
    "small": {"stacks": 2, "layers": 9, "residual_channels": 32, "gate_channels": 64,
              "skip_channels": 128},
    "base": {"stacks": 3, "layers": 10, "residual_channels": 64, "gate_channels": 128,
             "skip_channels": 256},
    "S": {"stacks": 2, "layers": 10, "residual_channels": 32, "gate_channels": 64,
          "skip_channels": 256},
    "NV": {"stacks": 2, "layers": 10, "residual_channels": 64, "gate_channels": 128,
           "skip_channels": 128},
    "M": {"stacks": 3, "layers": 10, "residual_channels": 64, "gate_channels": 128,
          "skip_channels": 256},
    "L": {"stacks": 4, "layers": 6, "residual_channels": 128, "gate_channels": 256,
          "skip_channels": 128, "kernel": 3},
}  # fmt: skip
"""`tiny`, `small`, `base` to work with; S, NV, M and L are the sizes that benchmarks use."""

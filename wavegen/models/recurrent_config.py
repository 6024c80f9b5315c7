"""Settings and presets of the recurrent nets. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class RecurrentConfig:
    """Sizes and choices of a recurrent net."""

    cell: Literal["rnn", "lstm", "gru"] = option("gru", "Elman's net, LSTM or GRU")
    layers: int = option(2, "layers, each reading the one below")
    width: int = option(256, "units of each layer")
    embedding: int = option(
        128, "width of the vector that a symbol or value becomes; 0: values enter as they are"
    )
    activation: Literal["tanh", "relu"] = option("tanh", "of the cell rnn")
    peepholes: bool = option(False, "let the gates of an LSTM see its cell")
    layer_norm: bool = option(False, "normalise what enters the gates (slower: no cuDNN)")
    dropout: float = option(0.0, "share of each layer's outputs dropped in training")
    recurrent_dropout: float = option(
        0.0, "share of the state's weights left out of a training window"
    )
    zoneout: float = option(
        0.0, "share of units that keep their old state at a training step (slower: no cuDNN)"
    )
    bidirectional: bool = option(
        False, "read the future too: for filling in, cannot generate sequences"
    )

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        for name in ("layers", "width", "embedding"):
            most = 64 if name == "layers" else 65536
            least = 0 if name == "embedding" else 1
            if not least <= getattr(self, name) <= most:
                raise ConfigError(
                    f"model.{name} is {getattr(self, name)}; it must be {least} to {most}"
                )
        for name in ("dropout", "recurrent_dropout", "zoneout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"model.{name} is {getattr(self, name)}; it must be 0 or above, below 1"
                )
        if self.peepholes and self.cell != "lstm":
            raise ConfigError(f"model.peepholes needs model.cell lstm, but it is {self.cell}")
        if self.activation == "relu" and self.cell != "rnn":
            raise ConfigError(f"model.activation relu needs model.cell rnn, but it is {self.cell}")


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"layers": 1, "width": 64, "embedding": 32},
    "small": {"layers": 2, "width": 256, "embedding": 128},
    "base": {"layers": 3, "width": 512, "embedding": 128},
    "lstm": {"cell": "lstm", "layers": 2, "width": 512, "embedding": 128},
    "G": {"layers": 2, "width": 512, "embedding": 128},
    "S": {"layers": 1, "width": 296, "embedding": 64},
}
"""`tiny`, `small`, `base` to work with; S is as large as a WaveNet S; G is what benchmarks use."""

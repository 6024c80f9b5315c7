"""Settings and presets of the echo state network. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class EchoStateConfig:
    """Sizes and choices of an echo state network."""

    units: int = option(500, "units of the reservoir")
    spectral_radius: float = option(
        0.9, "largest absolute eigenvalue of the reservoir: how long echoes last"
    )
    sparsity: float = option(0.95, "share of the reservoir's connections that are missing")
    leak: float = option(1.0, "share of a unit that is new at each step; less is slower")
    feedback: float = option(1.0, "size of the weights from the last symbol into the reservoir")
    input_scale: float = option(1.0, "size of the weights from conditions into the reservoir")
    bias: float = option(0.2, "size of the constant input of each unit")
    ridge: float = option(1e-6, "penalty on the readout's weights, per step")

    def __post_init__(self) -> None:
        """Refuse what makes no reservoir."""
        if not 1 <= self.units <= 20000:
            raise ConfigError(f"model.units is {self.units}; it must be 1 to 20000")
        for name in ("spectral_radius", "feedback", "input_scale", "bias"):
            if not 0 <= getattr(self, name) <= 1000:
                raise ConfigError(f"model.{name} is {getattr(self, name)}; it must be 0 to 1000")
        if not 0 <= self.sparsity < 1:
            raise ConfigError(f"model.sparsity is {self.sparsity}; it must be 0 or above, below 1")
        if not 0 < self.leak <= 1:
            raise ConfigError(f"model.leak is {self.leak}; it must be above 0, at most 1")
        if not 0 < self.ridge <= 1e6:
            raise ConfigError(f"model.ridge is {self.ridge}; it must be above 0, at most 1e6")


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"units": 50, "sparsity": 0.8},
    "small": {"units": 300},
    "base": {"units": 1000, "sparsity": 0.98},
}

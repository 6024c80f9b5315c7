"""Settings and presets of the linear model. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class LinearConfig:
    """How far a linear model looks back."""

    lags: int = option(32, "last symbols that it looks at")

    def __post_init__(self) -> None:
        """Refuse what makes no model."""
        if not 1 <= self.lags <= 65536:
            raise ConfigError(f"model.lags is {self.lags}; it must be 1 to 65536")


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"lags": 8},
    "small": {"lags": 32},
    "base": {"lags": 128},
}
"""`tiny`, `small`, `base`: how far back."""

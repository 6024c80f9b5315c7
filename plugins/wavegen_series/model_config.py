"""Settings and presets of the model `forecaster`. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from wavegen import backbone
from wavegen.config import option
from wavegen.errors import ConfigError

ScalerName = Literal["none", "mean-absolute", "standard", "robust", "difference"]

SIZES: dict[str, tuple[str, ...]] = {
    "wavenet": (
        "stacks=1",
        "layers=6",
        "residual_channels=32",
        "gate_channels=64",
        "skip_channels=64",
        "dropout=0.1",
    ),
    "tcn": ("blocks=6", "channels=32", "dropout=0.1"),
    "recurrent": ("layers=1", "width=64", "embedding=32", "dropout=0.1"),
    "linear-transformer": (
        "layers=2",
        "width=64",
        "heads=4",
        "feed_forward=256",
        "dropout=0.1",
    ),
}
"""Settings of backbones that suit series, where none are given."""

_MOST_MEMORY = 2**20


@dataclass(frozen=True)
class ForecasterConfig:
    """What stands around a model that reads values."""

    backbone: str = option("wavenet", "the model that reads the values: any that is installed")
    backbone_options: tuple[str, ...] = option(
        (), "the backbone's own settings: NAME=VALUE,NAME=VALUE; empty: sizes that suit series"
    )
    scaler: ScalerName = option(  # noqa: RUF009 - it is a field, made by dataclasses.field
        "standard",
        "units that follow the series: none, mean-absolute, standard (mean and deviation), robust "
        "(median and mean absolute deviation), difference (last value and mean absolute change)",
    )
    memory: int = option(256, "observed values that the scaler looks back on; 0 is all")

    def __post_init__(self) -> None:
        """Refuse what makes no model."""
        most = 4096 if self.scaler == "robust" else _MOST_MEMORY
        least = 2 if self.scaler == "robust" else 0
        if not least <= self.memory <= most:
            raise ConfigError(
                f"model.memory is {self.memory}; with the scaler {self.scaler} it must be {least} "
                f"to {most}"
            )
        if self.backbone.rpartition(":")[2] == "forecaster":
            raise ConfigError("model.backbone is forecaster itself; name another, such as wavenet")
        self.backbone_values()

    def backbone_values(self) -> dict[str, str]:
        """The backbone's settings by name."""
        return backbone.settings(self.backbone_options or SIZES.get(self.backbone, ()))


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "backbone_options": (
            "stacks=1",
            "layers=5",
            "residual_channels=16",
            "gate_channels=32",
            "skip_channels=32",
            "dropout=0.1",
        )
    },
    "gru": {"backbone": "recurrent"},
    "lstm": {
        "backbone": "recurrent",
        "backbone_options": ("cell=lstm", "layers=1", "width=64", "embedding=32", "dropout=0.1"),
    },
    "linear-transformer": {"backbone": "linear-transformer"},
    "tcn": {"backbone": "tcn"},
    "linear": {"backbone": "linear"},
}
"""`tiny` to try things with; the others put another backbone in place of the WaveNet."""

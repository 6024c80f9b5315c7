"""Settings and presets of the model `chorale`. Importing this imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wavegen import backbone
from wavegen.config import option
from wavegen.errors import ConfigError


@dataclass(frozen=True)
class ChoraleConfig:
    """What stands around a model that reads frame after frame."""

    backbone: str = option("wavenet", "the model that reads the frames: any that is installed")
    backbone_options: tuple[str, ...] = option(
        (
            "stacks=2",
            "layers=7",
            "residual_channels=64",
            "gate_channels=128",
            "skip_channels=128",
            "dropout=0.3",
        ),
        "the backbone's own settings: NAME=VALUE,NAME=VALUE",
    )
    past: bool = option(True, "tell the backbone how long each voice has held, and the beat")
    memory: int = option(384, "frames remembered to be copied from; 0 is no copying")
    forget: float = option(
        0.12, "share of the notes that the backbone does not hear of in training"
    )
    gather: int = option(
        96, "width that conditions and what is known of the past are brought to for the backbone"
    )
    ahead: int = option(96, "width of what reads the conditions from the end, where there are any")

    def __post_init__(self) -> None:
        """Refuse what makes no model."""
        for name, least, most in (("memory", 0, 65536), ("gather", 1, 4096), ("ahead", 0, 4096)):
            if not least <= getattr(self, name) <= most:
                raise ConfigError(
                    f"model.{name} is {getattr(self, name)}; it must be {least} to {most}"
                )
        if not 0 <= self.forget < 1:
            raise ConfigError(f"model.forget is {self.forget}; it must be 0 or above, below 1")
        if self.backbone.rpartition(":")[2] == "chorale":
            raise ConfigError("model.backbone is chorale itself; name another, such as recurrent")
        self.backbone_values()

    def backbone_values(self) -> dict[str, str]:
        """The backbone's settings by name."""
        return backbone.settings(self.backbone_options)


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "backbone": "recurrent",
        "backbone_options": ("layers=1", "width=64", "embedding=64"),
        "memory": 64,
    },
    "gru": {
        "backbone": "recurrent",
        "backbone_options": ("width=224", "embedding=224", "dropout=0.3"),
    },
    "lstm": {
        "backbone": "recurrent",
        "backbone_options": ("cell=lstm", "width=192", "embedding=192", "dropout=0.3"),
    },
    "linear-transformer": {
        "backbone": "linear-transformer",
        "backbone_options": ("dropout=0.3",),
    },
    "gated-delta": {"backbone": "gated-delta", "backbone_options": ("dropout=0.3",)},
}
"""`tiny` to try things with; the others put another backbone in place of the WaveNet."""

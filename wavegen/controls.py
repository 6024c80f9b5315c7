"""Sampling controls: how one voice is drawn. Importing this imports no torch.

Applied in this fixed order, each to the distribution that the one before left, renormalised:

    temperature -> top_k -> top_p -> min_p -> typical_p

Truncation never empties the support: the class that a control ranks first always stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypedDict

from .errors import ConfigError


@dataclass(frozen=True)
class Controls:
    """How one voice is drawn. The defaults draw from the model's own distribution."""

    temperature: float = field(
        default=1.0, metadata={"help": "divides the logits or multiplies the scales; 0 is greedy"}
    )
    top_k: int = field(default=0, metadata={"help": "keep the k most probable classes; 0 is off"})
    top_p: float = field(
        default=1.0, metadata={"help": "keep the fewest classes that hold this mass; 1 is off"}
    )
    min_p: float = field(
        default=0.0, metadata={"help": "drop classes below this share of the best; 0 is off"}
    )
    typical_p: float = field(
        default=1.0,
        metadata={"help": "keep the classes nearest the entropy that hold this mass; 1 is off"},
    )

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        checks = {
            "temperature": (0 <= self.temperature < math.inf, "0 (greedy) or above"),
            "top_k": (self.top_k >= 0, "0 (off) or above"),
            "top_p": (0 < self.top_p <= 1, "above 0 and at most 1 (off)"),
            "min_p": (0 <= self.min_p <= 1, "between 0 (off) and 1"),
            "typical_p": (0 < self.typical_p <= 1, "above 0 and at most 1 (off)"),
        }
        for name, (good, allowed) in checks.items():
            if not good:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be {allowed}")

    @property
    def truncates(self) -> bool:
        """Whether any control besides the temperature is on."""
        return Controls(temperature=self.temperature) != self


class ControlChanges(TypedDict, total=False):
    """Some controls, by name; those that are not there stay as they are."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float

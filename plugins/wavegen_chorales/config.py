"""The settings of the chorales domain."""

from __future__ import annotations

from dataclasses import dataclass

from wavegen.config import option
from wavegen.errors import ConfigError
from wavegen.splitting import percent_checks

CONDITIONS = ("pos", "fermata", "key", "given")
"""Names of the groups of conditions: place in the bar, fermatas, key, and notes that are given."""


@dataclass(frozen=True)
class ChoralesConfig:
    """How chorales become symbols; a checkpoint stores it."""

    holds: bool = option(
        True, "held notes differ from struck ones; false: pitches alone, as published figures have"
    )
    flat: bool = option(
        False, "each note is a symbol of its own, four to a sixteenth; it takes no conditions"
    )
    conditions: tuple[str, ...] = option(
        CONDITIONS, "what a model is told: any of pos, fermata, key, given; empty is nothing"
    )
    valid_percent: float = option(
        10.0, "share of the pieces held out for validation, where the source has no split"
    )
    test_percent: float = option(10.0, "the same for the final test")
    seed: int = option(0, "another number splits, hides and gives differently")

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        known = set(CONDITIONS)
        checks = {
            "conditions": (
                known.issuperset(self.conditions)
                and len(set(self.conditions)) == len(self.conditions),
                f"some of {', '.join(CONDITIONS)}, each once",
            ),
            "seed": (self.seed >= 0, "0 or above"),
            **percent_checks(self.valid_percent, self.test_percent),
        }
        for name, (good, allowed) in checks.items():
            if not good:
                raise ConfigError(f"domain.{name} is {getattr(self, name)!r}; it must be {allowed}")
        if self.flat and self.conditions:
            raise ConfigError(
                "domain.flat takes no conditions, and domain.conditions is "
                f"{', '.join(self.conditions)}; give --domain.conditions ''"
            )

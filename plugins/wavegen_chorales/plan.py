"""What can be asked of a new chorale. Importing this module imports neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass

from wavegen.config import option
from wavegen.errors import ConfigError

from .keys import Key


@dataclass(frozen=True)
class ChoralesPlan:
    """A new chorale; what is not said is left to the model."""

    key: str = option("", "key of the piece, such as G, Bb or F#m")
    fermata_every: int = option(
        0, "sixteenths between two fermatas, each of a quarter; 0 leaves them to the model"
    )
    beats: int = option(0, "quarters of a bar, the first one full; 0 leaves the metre open")

    def __post_init__(self) -> None:
        """Refuse what is no plan."""
        if self.key:
            Key.named(self.key)
        if self.fermata_every and self.fermata_every <= 4:
            raise ConfigError(f"fermata_every is {self.fermata_every}; give 0, or 5 steps or more")
        if not 0 <= self.beats <= 6:
            raise ConfigError(f"beats is {self.beats}; give 0 (open) to 6 quarters of a bar")

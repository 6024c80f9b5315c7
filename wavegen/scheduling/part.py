"""What a scheduler needs of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..domain import Domain
from ..engines.engine import Engine, Voice
from ..heads import Head


@dataclass(frozen=True)
class Part:
    """A model as it is played; it does not keep the model's own object alive."""

    engine: Engine
    head: Head
    domain: Domain[Any]
    fingerprint: str
    """What a kept session is tied to."""
    voice: Voice
    """Any voice at position 0, to measure with."""
    n_cond: int
    """C': condition channels of a step; 0 is none."""

"""Chorales: four voices on a grid of sixteenths. Importing this package imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wavegen.hookspecs import DomainSpec, hookimpl

from .config import ChoralesConfig

if TYPE_CHECKING:
    from .domain import ChoralesDomain
    from .player import ChoralesPlayer


@hookimpl
def wavegen_domains() -> Iterator[DomainSpec]:
    """Offer the domain `chorales`."""
    yield DomainSpec(
        "chorales", ChoralesConfig, _build, "four voices: MIDI, MusicXML, CSV, music21", _player
    )


def _build(config: ChoralesConfig) -> ChoralesDomain:
    from .domain import ChoralesDomain

    return ChoralesDomain(config)


def _player(config: ChoralesConfig) -> ChoralesPlayer:
    from .player import ChoralesPlayer

    return ChoralesPlayer(config)

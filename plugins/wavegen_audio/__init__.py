"""Recordings: the audio domain. Importing this package imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wavegen.hookspecs import DomainSpec, hookimpl

from .config import AudioConfig

if TYPE_CHECKING:
    from .domain import AudioDomain
    from .player import AudioPlayer


@hookimpl
def wavegen_domains() -> Iterator[DomainSpec]:
    """Offer the domain `audio`."""
    yield DomainSpec("audio", AudioConfig, _build, "recordings: speech, music, any sound", _player)


def _build(config: AudioConfig) -> AudioDomain:
    from .domain import AudioDomain

    return AudioDomain(config)


def _player(config: AudioConfig) -> AudioPlayer:
    from .player import AudioPlayer

    return AudioPlayer(config)

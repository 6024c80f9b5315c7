"""Chorales: four voices on a grid of sixteenths. Importing this package imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from wavegen.hookspecs import DomainSpec, FilterSpec, ModelSpec, hookimpl

from .config import ChoralesConfig
from .model_config import PRESETS, ChoraleConfig
from .plan import ChoralesPlan

if TYPE_CHECKING:
    import click

    from wavegen.model import SequenceSpec

    from .domain import ChoralesDomain
    from .filters import Filter
    from .model import Chorale
    from .player import ChoralesPlayer

_MAJOR_KEYS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@hookimpl
def wavegen_domains() -> Iterator[DomainSpec]:
    """Offer the domain `chorales`."""
    yield DomainSpec(
        "chorales",
        ChoralesConfig,
        _build,
        "four voices: MIDI, MusicXML, CSV, music21",
        _player,
        ChoralesPlan,
        model="chorale",
        trainer={"batch": 16, "window": 192, "context": 8},
    )


def _build(config: ChoralesConfig) -> ChoralesDomain:
    from .domain import ChoralesDomain

    return ChoralesDomain(config)


def _player(config: ChoralesConfig) -> ChoralesPlayer:
    from .player import ChoralesPlayer

    return ChoralesPlayer(config)


@hookimpl
def wavegen_models() -> Iterator[ModelSpec]:
    """Offer the model `chorale`."""
    yield ModelSpec(
        "chorale",
        ChoraleConfig,
        _build_model,
        "for chorales: any model, told of beats and what is ahead, with a memory to copy from",
        PRESETS,
        trainer={
            "lr": 3e-3,
            "muon_lr": 0.006,
            "muon_decay": 0.2,
            "schedule": "one-cycle",
            "ema": 0.99,
        },
    )


@hookimpl
def wavegen_filters() -> Iterator[FilterSpec]:
    """Offer rules of part writing."""
    yield FilterSpec("chorale-parallels", _filter("parallels"), "hardly any parallel 5ths and 8ves")
    yield FilterSpec("chorale-ranges", _filter("ranges"), "each voice stays in its range")
    yield FilterSpec("chorale-crossing", _filter("crossing"), "no voice crosses another")
    for tonic, name in enumerate(_MAJOR_KEYS):
        yield FilterSpec(
            f"chorale-scale-{name}", _scale(tonic), f"hardly a note outside {name} major"
        )


@hookimpl
def wavegen_commands() -> Iterator[click.Command]:
    """Offer the commands `chorales eval`, `chorales harmonize` and `chorales infill`."""
    from .commands import chorales

    yield chorales


def _build_model(config: ChoraleConfig, spec: SequenceSpec) -> Chorale:
    from .model import Chorale

    return Chorale(config, spec)


def _filter(name: str) -> Callable[[], Filter]:
    def build() -> Filter:
        from . import filters

        return getattr(filters, name)

    return build


def _scale(tonic: int) -> Callable[[], Filter]:
    def build() -> Filter:
        from .filters import scale

        return scale(tonic)

    return build

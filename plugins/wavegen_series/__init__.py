"""Time series: numbers at times. Importing this package imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wavegen.hookspecs import DomainSpec, ModelSpec, hookimpl

from .config import SeriesConfig
from .model_config import PRESETS, ForecasterConfig

if TYPE_CHECKING:
    import click

    from wavegen.model import SequenceSpec

    from .domain import SeriesDomain
    from .forecasting.forecaster import Forecaster as Forecaster
    from .model import ForecasterModel
    from .player import SeriesPlayer


def __getattr__(name: str) -> Any:
    """`Forecaster` is imported when it is first asked for, since it takes torch."""
    if name == "Forecaster":
        from .forecasting.forecaster import Forecaster

        return Forecaster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def wavegen_domains() -> Iterator[DomainSpec]:
    """Offer the domain `series`."""
    yield DomainSpec(
        "series",
        SeriesConfig,
        _build,
        "numbers at times: CSV, Parquet, pandas, NumPy",
        _player,
        model="forecaster",
        trainer={"batch": 16, "window": 256, "context": 256, "lr": 2e-3},
    )


@hookimpl
def wavegen_models() -> Iterator[ModelSpec]:
    """Offer the model `forecaster`."""
    yield ModelSpec(
        "forecaster",
        ForecasterConfig,
        _build_model,
        "for series: any model, in units that follow the series, with gaps",
        PRESETS,
        {"precision": "float32"},
    )


@hookimpl
def wavegen_commands() -> Iterator[click.Command]:
    """Offer the commands `forecast` and `series ...`."""
    from .commands import commands

    yield from commands


def _build(config: SeriesConfig) -> SeriesDomain:
    from .domain import SeriesDomain

    return SeriesDomain(config)


def _player(config: SeriesConfig) -> SeriesPlayer:
    from .player import SeriesPlayer

    return SeriesPlayer(config)


def _build_model(config: ForecasterConfig, spec: SequenceSpec) -> ForecasterModel:
    from .model import ForecasterModel

    return ForecasterModel(config, spec)

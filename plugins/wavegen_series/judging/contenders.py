"""Runs that a back-test judges: the data they read, and where figures are not what they seem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wavegen.errors import ConfigError

from ..series import Series
from ..splits import by_series
from ..tables.columns import Columns
from ..tables.reading import read
from .origins import Plan

if TYPE_CHECKING:
    from ..forecasting.forecaster import Forecaster


def read_for(models: Sequence[Forecaster], data: Path, target: tuple[str, ...]) -> list[Series]:
    """The series in a file as all models read it; `target` names the columns where there are none.

    Raises `ConfigError` where models do not agree about the columns.
    """
    if not models:
        return read(data, Columns(target=target))
    if target:
        raise ConfigError("--target is for back-tests without a RUN; a run knows its columns")
    for other in models[1:]:
        if other.config.columns != models[0].config.columns:
            raise ConfigError(
                f"{models[0].name} and {other.name} were trained on different columns; back-test "
                "them one by one"
            )
    return models[0].read(data)


def cautions(models: Sequence[Forecaster], series: Sequence[Series], plan: Plan) -> Iterator[str]:
    """Lines for people. `DataError` where a series is too short for the plan."""
    origins = [plan.of(each)[0] for each in series]
    for model in models:
        if plan.refit != "never":
            yield f"{model.name}: a run does not learn anew; only the simple methods do"
        held = model.config.valid_percent + model.config.test_percent
        early = [
            each.name
            for each, origin in zip(series, origins, strict=True)
            if origin.at < round(len(each) * (100 - held) / 100)
        ]
        if early and not by_series(series, model.config):
            yield (
                f"{model.name}: if it was trained on this file, it has learnt from some of what it "
                f"forecasts: it held out the last {held:g} %, and origins of {early[0]!r} lie "
                "before that; take fewer, or hold out more (--domain.test-percent)"
            )
        if short := model.short(
            [origin.context(each) for each, origin in zip(series, origins, strict=True)]
        ):
            yield short

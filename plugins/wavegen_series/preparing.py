"""From named sources to the three splits, and the config with what was found in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wavegen.domain import Corpus
from wavegen.errors import DataError

from .config import SeriesConfig
from .domain import SeriesDomain
from .finding import complete
from .sources import gather
from .splits import SeriesSplit, TrainingSplit, by_series, parted, whole


def prepare(
    config: SeriesConfig, sources: Sequence[str], valid: Sequence[str], test: Sequence[str]
) -> Corpus:
    """The corpus, with the domain as it stands then. What is named for a split is that split."""
    series = gather(sources, config.columns)
    parts = parted(series, config, not valid, not test)
    if valid:
        parts["valid"] = whole(gather(valid, config.columns))
    if test:
        parts["test"] = whole(gather(test, config.columns))
    if not parts["train"]:
        raise DataError(f"{', '.join(sources)}: too short to hold anything out; give more steps")
    config, notes = complete(config, parts["train"])
    report: dict[str, Any] = {
        "series": len(series),
        "steps": sum(part.stop for part in parts["train"]),
        "channels": list(config.channels),
        "held_out": "named" if valid or test else _held_out(series, config),
        "notes": notes,
    }
    return Corpus(
        SeriesDomain(config),
        TrainingSplit(parts["train"], config),
        SeriesSplit(parts["valid"], config),
        SeriesSplit(parts["test"], config),
        report,
    )


def _held_out(series: Sequence[Any], config: SeriesConfig) -> str:
    return "whole series" if by_series(series, config) else "the end of each series"

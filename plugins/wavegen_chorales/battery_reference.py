"""Bach's own values, as they ship: what a set of chorales is held against.

They are facts counted from the JSB chorales (Apache-2.0 set of 382), no notes of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wavegen.atomic import write_file

from .battery import summarize
from .battery_histograms import Histogram, histograms
from .grade import corpus_histograms
from .grid import ChoraleGrid
from .two_sample import FEATURES, Excerpts, excerpts

_SHIPPED = Path(__file__).with_name("bach_reference.json")
_DIGITS = 5  # significant ones of what is kept


@dataclass(frozen=True)
class Reference:
    """A corpus, counted."""

    source: str
    """What it was counted from."""
    pieces: int
    metrics: Mapping[str, tuple[float, float]]
    """Mean and standard deviation over pieces, by name in `METRICS`."""
    histograms: Mapping[str, Histogram]
    """What divergences are measured to."""
    grading: Mapping[str, Histogram]
    """What grades are measured to."""
    excerpts: Excerpts
    """What the two-sample test tells apart from a set."""
    held_out: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    """Every measure, with its spread, of pieces that were not counted: as near as music of the
    same hand comes."""


def reference(grids: Sequence[ChoraleGrid], source: str) -> Reference:
    """Count a corpus. Raises `DataError` where it is empty, or a piece has no note."""
    return Reference(
        source,
        len(grids),
        summarize(grids),
        histograms(grids),
        corpus_histograms(grids),
        excerpts(grids),
    )


def shipped() -> Reference:
    """Bach's training chorales, 229 pieces; held out are the 77 of the test split."""
    content: dict[str, Any] = json.loads(_SHIPPED.read_text("utf-8"))
    kept = content["excerpts"]
    features = np.array([kept["features"][name] for name in FEATURES], np.float64).T
    return Reference(
        content["source"],
        content["pieces"],
        {name: (mean, spread) for name, (mean, spread) in content["metrics"].items()},
        content["histograms"],
        content["grading"],
        Excerpts(np.array(kept["pieces"], np.int64), features.reshape(-1, len(FEATURES))),
        {name: (value, spread) for name, (value, spread) in content["held_out"].items()},
    )


def save(corpus: Reference, path: Path) -> None:
    """Write a reference as JSON."""
    columns = dict(zip(FEATURES, corpus.excerpts.features.T.tolist(), strict=True))
    content = {
        "source": corpus.source,
        "pieces": corpus.pieces,
        "metrics": corpus.metrics,
        "histograms": corpus.histograms,
        "grading": corpus.grading,
        "held_out": corpus.held_out,
        "excerpts": {"pieces": corpus.excerpts.pieces.tolist(), "features": columns},
    }
    lines = json.dumps(_short(content), separators=(",", ":")).replace("},", "},\n")
    write_file(path, f"{lines}\n".replace("],", "],\n").encode())


def _short(content: Any) -> Any:
    """The same with numbers of five significant digits, counts in full."""
    if isinstance(content, Mapping):
        return {name: _short(each) for name, each in content.items()}
    if isinstance(content, list | tuple):
        return [_short(each) for each in content]
    if isinstance(content, float):
        return int(content) if content.is_integer() else float(f"{content:.{_DIGITS}g}")
    return content

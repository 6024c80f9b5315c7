"""Sets of chorales beside Bach's: one table of all that is measured, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from wavegen.errors import ConfigError

from .battery import METRICS, summarize
from .battery_histograms import HISTOGRAMS, divergence, histograms
from .battery_reference import Reference
from .grade import FEATURES, grade
from .grid import ChoraleGrid
from .two_sample import excerpts, separate

BACH, HELD_OUT = "Bach", "Bach, held out"
"""The columns of the reference."""
AREAS = {
    "two_sample_auc_logistic": "two-sample AUC, logistic regression",
    "two_sample_auc_forest": "two-sample AUC, forest",
}
GRADES = {
    "grade": "grade, after Fang et al. 2020",
    **{f"grade_{name}": f"  of it: {name.replace('_', ' ')}" for name in FEATURES},
}


class Cell(NamedTuple):
    """One number of one set."""

    value: float
    spread: float | None = None
    """Standard deviation over pieces, where it is a mean or a median over them."""
    inside: bool | None = None
    """Whether a mean lies within one standard deviation of Bach's pieces, and a divergence below
    twice that of pieces held out; None: no such test."""


class Row(NamedTuple):
    """One measure of all sets."""

    name: str
    words: str
    cells: Mapping[str, Cell]
    """By the name of the set; a set for which it cannot be measured is missing."""


def table(sets: Mapping[str, Sequence[ChoraleGrid]], bach: Reference) -> list[Row]:
    """Every measure of every set, Bach first.

    Grades are medians over pieces. The two-sample test is left out where scikit-learn is missing,
    and for sets with fewer than five pieces of 160 steps. Raises `DataError` on an empty set, or
    a piece without a note.
    """
    columns = {BACH: {name: Cell(*pair) for name, pair in bach.metrics.items()}}
    if bach.held_out:
        columns[HELD_OUT] = {name: Cell(*pair) for name, pair in bach.held_out.items()}
    columns |= {name: measure(grids, bach) for name, grids in sets.items()}
    words = {**METRICS, **HISTOGRAMS, **AREAS, **GRADES}
    rows = [
        Row(name, text, {title: cells[name] for title, cells in columns.items() if name in cells})
        for name, text in words.items()
    ]
    return [row for row in rows if row.cells]


def text_of(rows: Sequence[Row]) -> str:
    """The table for people; `*` marks what is further from Bach than `Cell.inside` allows."""
    titles = list(dict.fromkeys(title for row in rows for title in row.cells))
    lines = [["", *titles]]
    lines += [[row.words, *(_shown(row.cells.get(title)) for title in titles)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    ]
    marked = any(cell.inside is False for row in rows for cell in row.cells.values())
    note = [
        "* not within one standard deviation of Bach's pieces, or twice their divergence"
    ] * marked
    return "\n".join([*shown, *note])


def json_of(rows: Sequence[Row]) -> dict[str, dict[str, dict[str, Any]]]:
    """The table for programs: measure, set, and what is known of the number."""
    return {
        row.name: {
            title: {key: each for key, each in cell._asdict().items() if each is not None}
            for title, cell in row.cells.items()
        }
        for row in rows
    }


def measure(grids: Sequence[ChoraleGrid], bach: Reference) -> dict[str, Cell]:
    """The column of one set, as `table` has it."""
    cells = {}
    for name, (mean, spread) in summarize(grids).items():
        his_mean, his_spread = bach.metrics[name]
        cells[name] = Cell(mean, spread, abs(mean - his_mean) <= his_spread)
    for name, counts in histograms(grids).items():
        distance = divergence(counts, bach.histograms[name])
        floor = bach.held_out.get(name)
        cells[name] = Cell(distance, None, distance <= 2 * floor[0] if floor else None)
    grades = [grade(grid, bach.grading) for grid in grids]
    for name in GRADES:
        values = [each[name.removeprefix("grade_")] for each in grades]
        cells[name] = Cell(float(np.median(values)), float(np.std(values)))
    cut = excerpts(grids)
    if cut.enough and bach.excerpts.enough:
        try:
            areas = separate(bach.excerpts, cut)
        except ConfigError:  # scikit-learn is optional
            return cells
        cells |= {name: Cell(area) for name, area in zip(AREAS, areas, strict=True)}
    return cells


def _shown(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    digits = 4 if abs(cell.value) < 0.1 and cell.spread is None else 2
    spread = "" if cell.spread is None else f" ±{cell.spread:6.2f}"
    return f"{cell.value:.{digits}f}{spread}{'*' if cell.inside is False else ' '}"

"""The table of a back-test: methods by measures, never without the simple methods to beat.

Dimensions: K origins, I series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from wavegen.errors import ConfigError

from ..series import Numbers
from .backtest import BacktestResult
from .baseline_seasonal import season_of
from .baselines import ALWAYS
from .measures import DEFAULT, Measure, measure
from .origins import Plan
from .significance import better, overlapping, standard_error, wilson

_NAIVE = ALWAYS[0]
_NOTE = (
    "± standard error over origins, or over the series of a single one (of direction: half of\n"
    "Wilson's 95 % interval); skill: 1 - CRPS / naive's; p: of a CRPS no lower than naive's\n"
    "(Diebold-Mariano); mae, mase, smape are of the median, rmse, rmsse of the mean"
)


@dataclass(frozen=True)
class Cell:
    """A mean and how unsure it is; NaN where that cannot be told."""

    value: float
    error: float


@dataclass(frozen=True)
class Row:
    """One method."""

    method: str
    cells: Mapping[str, Cell]
    """Under the names of the measures."""
    skill: float
    """Share of the naive row's CRPS that is saved, the mean over series."""
    p: float
    """Of the hypothesis that its CRPS is not lower than the naive row's; see `better`."""


@dataclass(frozen=True)
class Report:
    """What a back-test found for one series, or for all of them together."""

    plan: Plan
    series: tuple[str, ...]
    rows: tuple[Row, ...]

    def text(self) -> str:
        """The table for people, without its legend."""
        titles = [*self.rows[0].cells, "skill", "p"]
        lines = [["", *titles]]
        for row in self.rows:
            cells = [_shown(row.cells[title]) for title in row.cells]
            lines.append([row.method, *cells, _number(row.skill), _number(row.p)])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in lines
        ]
        what = self.series[0] if len(self.series) == 1 else f"all {len(self.series)} series"
        return "\n".join([f"{what}: {_told(self.plan)}", *shown])

    def json(self) -> dict[str, Any]:
        """The table for programs: a row for each method."""
        return {
            row.method: {
                **{name: asdict(cell) for name, cell in row.cells.items()},
                "skill": row.skill,
                "p": row.p,
            }
            for row in self.rows
        }


def report(
    result: BacktestResult, names: Sequence[str] = DEFAULT, season: int | None = None
) -> Report:
    """Score all cases; `season` in steps is the scale of mase and rmsse, None: found.

    Scores are means over the horizon and channels, then over series, then over origins. Raises
    `ConfigError` where a row of `ALWAYS` is missing: no figure means anything without them.
    """
    missing = [name for name in ALWAYS if not result.cases.get(name)]
    if missing:
        raise ConfigError(f"no report without the rows {', '.join(missing)}: back-test them too")
    measures = {name: measure(name) for name in names}
    seasons = season_of_each(result, season)
    overlap = overlapping(result.plan.horizon, result.plan.step)
    crps = {name: _scores(result, name, measure("crps"), seasons) for name in result.methods}
    # In units of the naive row's, so that series of large numbers do not drown the others.
    unit = _means(crps[_NAIVE], axis=0)
    unit = np.where(unit > 0, unit, np.nan)
    relative = {name: _by_origin(scores / unit) for name, scores in crps.items()}
    rows = []
    for name in result.methods:
        cells = {
            title: _cell(_scores(result, name, each, seasons), overlap, title == "direction")
            for title, each in measures.items()
        }
        # Naive's own is 0, not 1e-16.
        skill = round(1 - float(_means(relative[name], axis=0)), 12) + 0.0
        p = better(relative[name], relative[_NAIVE], overlap)
        rows.append(Row(name, cells, skill, p))
    return Report(result.plan, result.series, tuple(rows))


def legend() -> str:
    """What the columns of `Report.text` are."""
    return _NOTE


def season_of_each(result: BacktestResult, season: int | None) -> dict[str, int]:
    """Steps of each series' season: the given one, or that of its first channel at first origin."""
    found: dict[str, int] = {}
    for case in next(iter(result.cases.values())):
        if case.series not in found:
            found[case.series] = season or season_of(case.forecast.context.values[:, 0])
    return found


def _scores(
    result: BacktestResult, name: str, each: Measure, seasons: Mapping[str, int]
) -> Numbers:
    """`(K, I)`"""
    column = {series: i for i, series in enumerate(result.series)}
    scores = np.full((result.plan.n_origins, len(column)), np.nan)
    for case in result.cases[name]:
        scores[case.number, column[case.series]] = each(case, seasons[case.series])
    return scores


def _cell(scores: Numbers, overlap: int, is_share: bool) -> Cell:
    by_origin = _by_origin(scores)
    value = float(_means(by_origin, axis=0))
    n = int((~np.isnan(scores)).sum())
    if is_share and n:
        low, high = wilson(value, n)
        return Cell(value, (high - low) / 2)
    return Cell(value, standard_error(by_origin, overlap))


def _by_origin(scores: Numbers) -> Numbers:
    """`(K,)` means over series, which are not independent at one time; of one origin `(I,)`."""
    return scores[0] if len(scores) == 1 else _means(scores, axis=1)


def _means(values: Numbers, axis: int) -> Numbers:
    """Of what is told; NaN where nothing is."""
    told = ~np.isnan(values)
    n = told.sum(axis=axis)
    return np.where(told, values, 0).sum(axis=axis) / np.where(n == 0, np.nan, n)


def _told(plan: Plan) -> str:
    known = f", {plan.width} steps known" if plan.width else ""
    return (
        f"{plan.mode}, {plan.n_origins} x {plan.horizon} steps, {plan.step} apart{known}, refit "
        f"{plan.refit}"
    )


def _shown(cell: Cell) -> str:
    error = "" if np.isnan(cell.error) else f" ±{_number(cell.error, 2)}"
    return f"{_number(cell.value)}{error}"


def _number(value: float, digits: int = 4) -> str:
    if not np.isfinite(value):
        return "-" if np.isnan(value) else str(value)
    return np.format_float_positional(value, digits, fractional=False, trim="-")

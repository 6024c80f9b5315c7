"""Daily prices and volumes: five of each, twelve forecasts of thirty days, beside simple methods.

One model learns from all prices and one from all volumes, up to the day of the first forecast of
any. Nobody can say where a price goes; what can be forecast is how far. So the measures that count
are those of the whole distribution (CRPS, nats, coverage), and the level ties with the last value.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wavegen.training import train

from ..datasets.catalogue import load
from ..forecasting.forecaster import Forecaster
from ..judging.backtest import BacktestResult, backtest
from ..judging.baselines import ALWAYS, baseline
from ..judging.origins import Plan
from ..judging.report import Report, legend, report
from ..method import Method
from ..pictures.fan import draw_strips
from ..series import Series
from ..tables.writing import write_series

SERIES = ("aapl", "msft", "ibm", "sp500", "nasdaq")
COLUMNS = {"adj_close": "prices", "volume": "volumes"}
_DRAWN = "msft"
_PACKAGES = {"garch": "arch", "prophet": "prophet"}
ROWS = (*ALWAYS, *_PACKAGES, "wavegen")
PLAN = Plan(horizon=30, n_origins=12)
_MEASURES = ("mae", "crps", "coverage:80", "nll")
_UPDATES = {"book": 400, "good": 1600}
_DOMAIN = {
    "transform": "log", "head": "student-t", "split": "time", "valid_percent": 5,
    "test_percent": 0,
}  # fmt: skip
_MODEL = {
    "backbone": "recurrent",
    "backbone_options": ("layers=1", "width=16", "embedding=0", "dropout=0.1"),
}
"""Of a few nets the best on the two years before the first day that is forecast here. What is to
be learnt is how volatility follows itself, which takes few weights."""
_SCALER = {
    "adj_close": {"scaler": "difference", "memory": 64},
    "volume": {"scaler": "standard", "memory": 250},
}
"""A volume comes back to its level, so it is read beside that level; a price has none."""
_TRAINER = {
    "batch": 16, "window": 128, "context": 256, "lr": 2e-3, "muon_lr": 0.005, "validations": 5,
    "threads": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Stocks:
    """What was found, under `prices` and `volumes`."""

    series: Mapping[str, Sequence[Series]]
    results: Mapping[str, BacktestResult]

    @property
    def reports(self) -> Mapping[str, Sequence[Report]]:
        """Of each kind: one for each series, and one for all."""
        return {
            kind: [report(part, _MEASURES) for part in (*map(found.of, found.series), found)]
            for kind, found in self.results.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": "Prices and volumes: 12 forecasts of 30 days",
            "reports": {
                kind: {" ".join(each.series): each.json() for each in reports}
                for kind, reports in self.reports.items()
            },
        }

    def __str__(self) -> str:
        """For people."""
        parts = [
            text
            for kind, reports in self.reports.items()
            for text in (f"{kind}:", *(each.text() for each in reports))
        ]
        return "\n\n".join([*parts, legend()])

    def draw(self, folder: Path) -> list[Path]:
        """A PNG of each kind, of Microsoft: the last row's forecasts over what came."""
        drawn = []
        for kind, found in self.results.items():
            (series,) = (each for each in self.series[kind] if each.name.startswith(_DRAWN))
            cases = found.of(series.name).cases[found.methods[-1]]
            drawn.append(folder / f"{_DRAWN}_{kind}.png")
            draw_strips(series, [case.forecast for case in cases], drawn[-1])
        return drawn


def usual() -> list[str]:
    """The rows where nobody names any: all but those whose packages are not installed."""
    there = importlib.util.find_spec
    return [row for row in ROWS if row not in _PACKAGES or there(_PACKAGES[row]) is not None]


def stocks(
    rows: Sequence[str], seed: int, budget: str, folder: Path, say: Callable[[str], None]
) -> Stocks:
    """Train in `folder` and forecast; the simple methods are rows of every table.

    Needs the packages that ship the prices.
    """
    simple = [name for name in ROWS if name != "wavegen" and name in (*ALWAYS, *rows)]
    series: dict[str, Sequence[Series]] = {}
    results: dict[str, BacktestResult] = {}
    for column, kind in COLUMNS.items():
        series[kind] = [_one(name, column) for name in SERIES]
        methods: list[Method] = [baseline(name) for name in simple]
        if "wavegen" in rows:
            model = {**_MODEL, **_SCALER[column]}
            methods.append(_trained(series[kind], model, _UPDATES[budget], seed, folder / kind))
        say(f"{kind}:")
        results[kind] = backtest(methods, series[kind], PLAN, n_samples=200, seed=seed, tell=say)
    return Stocks(series, results)


def _one(name: str, column: str) -> Series:
    """Named so that a price and a volume can be told apart."""
    (series,) = load(name, [column])
    if column == "adj_close":
        return series
    # The NASDAQ has a day on which nothing seems to be traded: nobody wrote it down.
    told = np.where(series.values > 0, series.values, np.nan)
    return replace(series, name=f"{name} {column}", values=told)


def _trained(
    series: Sequence[Series], model: Mapping[str, Any], updates: int, seed: int, folder: Path
) -> Method:
    # Markets move together: what one series did tells of the days that another is to forecast.
    first = min(each.time[PLAN.of(each)[0].at] for each in series)
    before = [each.until(int(np.searchsorted(each.time, first))) for each in series]
    folder.mkdir(parents=True, exist_ok=True)
    table, run = folder / "before.csv", folder / "wavegen"
    write_series(table, before)
    train(
        "series",
        [str(table)],
        run,
        model="forecaster",
        domain_config=_DOMAIN,
        model_config=model,
        trainer={**_TRAINER, "steps": updates, "seed": seed},
        progress=False,
    )
    return Forecaster.load(run)

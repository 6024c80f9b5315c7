"""Daily prices: five series, twelve forecasts of thirty days each, against the simple methods.

One model learns from all five, up to the day of the first forecast of any. Nobody can say
where a price goes; what can be forecast is how far. So the measures that count are those of the
whole distribution (CRPS, nats, coverage), and the level ties with the last value.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavegen.training import train

from ..datasets.catalogue import load
from ..forecasting.forecaster import Forecaster
from ..judging.backtest import backtest
from ..judging.baselines import ALWAYS, baseline
from ..judging.origins import Plan
from ..judging.report import Report, legend, report
from ..method import Method
from ..tables.writing import write_series

SERIES = ("aapl", "msft", "ibm", "sp500", "nasdaq")
_PACKAGES = {"garch": "arch", "prophet": "prophet"}
ROWS = (*ALWAYS, *_PACKAGES, "wavegen")
PLAN = Plan(horizon=30, n_origins=12)
_MEASURES = ("mae", "crps", "coverage:80", "nll")
_UPDATES = {"book": 1500, "good": 6000}
_DOMAIN = {
    "transform": "log", "head": "student-t", "split": "time", "valid_percent": 5,
    "test_percent": 0,
}  # fmt: skip
_MODEL = {"scaler": "difference", "backbone": "wavenet", "memory": 64}
_TRAINER = {
    "batch": 16, "window": 128, "context": 256, "lr": 2e-3, "muon_lr": 0.005, "validations": 5,
    "threads": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Prices:
    """What was found for each series, and for all of them together."""

    reports: Sequence[Report]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": "Prices: 12 forecasts of 30 days",
            "reports": {" ".join(each.series): each.json() for each in self.reports},
        }

    def __str__(self) -> str:
        """For people."""
        return "\n\n".join([*(each.text() for each in self.reports), legend()])


def usual() -> list[str]:
    """The rows where nobody names any: all but those whose packages are not installed."""
    there = importlib.util.find_spec
    return [row for row in ROWS if row not in _PACKAGES or there(_PACKAGES[row]) is not None]


def stocks(
    rows: Sequence[str], seed: int, budget: str, folder: Path, say: Callable[[str], None]
) -> Prices:
    """Train in `folder` and forecast; the simple methods are rows of every table.

    Needs the packages that ship the prices.
    """
    series = [load(name)[0] for name in SERIES]
    simple = [name for name in ROWS if name != "wavegen" and name in (*ALWAYS, *rows)]
    methods: list[Method] = [baseline(name) for name in simple]
    if "wavegen" in rows:
        # Prices move together: those of one series tell of the days that another is to forecast.
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
            model_config=_MODEL,
            trainer={**_TRAINER, "steps": _UPDATES[budget], "seed": seed},
            progress=False,
        )
        methods.append(Forecaster.load(run))
    found = backtest(methods, series, PLAN, n_samples=200, seed=seed, tell=say)
    parts = [found.of(each.name) for each in series]
    return Prices([report(part, _MEASURES) for part in (*parts, found)])

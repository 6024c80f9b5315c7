"""Daily prices: five series, twelve forecasts of thirty days each, against the simple methods.

One model learns from all five, from what lies before the first forecast alone. Nobody can say
where a price goes; what can be forecast is how far. So the measures that count are those of the
whole distribution (CRPS, nats, coverage), and the level ties with the last value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wavegen.training import train

from .backtest import backtest
from .baselines import ALWAYS, baseline
from .datasets import load
from .forecaster import Forecaster
from .method import Method
from .origins import Plan
from .report import Report, legend, report
from .writing import write_series

SERIES = ("aapl", "msft", "ibm", "sp500", "nasdaq")
ROWS = (*ALWAYS, "garch", "prophet", "wavegen")
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


def stocks(
    rows: Sequence[str], seed: int, budget: str, folder: Path, say: Callable[[str], None]
) -> Prices:
    """Train in `folder` and forecast. Needs the packages that ship the prices."""
    series = [load(name)[0] for name in SERIES]
    methods: list[Method] = [baseline(name) for name in rows if name != "wavegen"]
    if "wavegen" in rows:
        before = [each.until(PLAN.of(each)[0].at) for each in series]
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

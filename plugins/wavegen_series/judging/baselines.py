"""The rows that a model must beat, by name."""

from __future__ import annotations

from collections.abc import Callable

from wavegen.errors import ConfigError

from ..method import Method
from .baseline_garch import Garch
from .baseline_linear import Linear
from .baseline_prophet import Prophet
from .baseline_seasonal import SeasonalNaive
from .baseline_walks import Drift, Ewma, Naive

ALWAYS = ("naive", "seasonal-naive", "drift", "linear", "ewma")
"""Every report has these rows."""
OPTIONAL = ("garch", "prophet")
"""These need packages of their own."""


def baseline(name: str, season: int | None = None) -> Method:
    """The method of that row; `season` in steps, None: find it. `ConfigError` for other names."""
    rows: dict[str, Callable[[], Method]] = {
        "naive": Naive,
        "seasonal-naive": lambda: SeasonalNaive(season),
        "drift": Drift,
        "linear": Linear,
        "ewma": Ewma,
        "garch": Garch,
        "prophet": Prophet,
    }
    if name not in rows:
        raise ConfigError(f"no row {name!r}; there are {', '.join(rows)}")
    return rows[name]()

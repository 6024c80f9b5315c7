"""Back-tests: what methods would have forecast at past origins, and what then came.

Dimensions: S paths, H steps of the horizon, N channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from wavegen.errors import ConfigError

from ..forecast import Forecast
from ..method import Method
from ..series import Numbers, Series
from . import metrics
from .origins import Origin, Plan


@dataclass(frozen=True)
class Case:
    """One method at one origin of one series."""

    number: int
    """Which origin of the series, from 0; those of one number are of one time."""
    origin: Origin
    forecast: Forecast
    truth: Numbers
    """`(H, N)`, NaN where nothing was observed or nothing is to be scored."""
    log_density: Numbers | None
    """`(H, N)` of the truth, each step given those before it."""

    @property
    def series(self) -> str:
        """Its name."""
        return self.forecast.context.name


@dataclass(frozen=True)
class BacktestResult:
    """All cases of all methods, in one order for each: by origin number, then by series."""

    plan: Plan
    cases: Mapping[str, Sequence[Case]]
    """Under the name of each method."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Their names, in the order of the rows."""
        return tuple(self.cases)

    @property
    def series(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(dict.fromkeys(case.series for case in next(iter(self.cases.values()), ())))

    def of(self, series: str) -> BacktestResult:
        """The part that is about one series."""
        return self._with(lambda cases: [case for case in cases if case.series == series])

    def only(self, where: Mapping[str, npt.NDArray[np.bool_]]) -> BacktestResult:
        """The same forecasts, scored where `where` `(T,)` or `(T, N)` holds, for each series."""

        def masked(case: Case) -> Case:
            mask = where[case.series][case.origin.at : case.origin.end]
            density = None if case.log_density is None else metrics.only(case.log_density, mask)
            return replace(case, truth=metrics.only(case.truth, mask), log_density=density)

        return self._with(lambda cases: [masked(case) for case in cases])

    def _with(self, change: Callable[[Sequence[Case]], Sequence[Case]]) -> BacktestResult:
        return replace(self, cases={name: change(cases) for name, cases in self.cases.items()})


def backtest(
    methods: Sequence[Method],
    series: Sequence[Series],
    plan: Plan,
    n_samples: int = 200,
    seed: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> BacktestResult:
    """Forecast all series from all origins of the plan by all methods.

    Methods see what lies before an origin, and what is known ahead of the horizon. They learn from
    all series up to the origins at which the plan says so; all origins between two such are one
    call. `tell` is given a line for each method that begins.
    """
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two rows are called {name!r}; their names must differ")
    if n_samples < 1:
        raise ConfigError(f"samples is {n_samples}; it must be 1 or more")
    called = [each.name for each in series]
    for name in called:
        if called.count(name) > 1:
            raise ConfigError(f"two series are called {name!r}; their names must differ")
    origins = [plan.of(each) for each in series]
    cases = {}
    for method in methods:
        tell(f"{method.name}: {len(series) * plan.n_origins} forecasts")
        cases[method.name] = _cases(method, series, origins, plan, n_samples, seed)
    return BacktestResult(plan, cases)


def _cases(
    method: Method,
    series: Sequence[Series],
    origins: Sequence[Sequence[Origin]],
    plan: Plan,
    n_samples: int,
    seed: int,
) -> list[Case]:
    cases = []
    for group in plan.groups():
        first = group[0]
        # Without the future: what is known ahead is told when a forecast is asked for.
        method.fit(
            [
                where[first].context(each).until(where[first].at - where[first].start)
                for each, where in zip(series, origins, strict=True)
            ]
        )
        todo = [(k, i) for k in group for i in range(len(series))]
        contexts = [origins[i][k].context(series[i]) for k, i in todo]
        forecasts = method.forecast(contexts, plan.horizon, n_samples, seed)
        densities = {
            (k, i): density
            for i, each in enumerate(series)
            for k, density in _densities(method, each, group, origins[i])
        }
        for (k, i), forecast in zip(todo, forecasts, strict=True):
            where = origins[i][k]
            truth = series[i].values[where.at : where.end]
            cases.append(Case(k, where, forecast, truth, densities[k, i]))
    return cases


def _densities(
    method: Method, series: Series, group: range, origins: Sequence[Origin]
) -> list[tuple[int, Numbers | None]]:
    """For each origin of the group; those that know from one row on are scored in one pass."""
    found: list[tuple[int, Numbers | None]] = []
    for start, run in groupby(group, key=lambda k: origins[k].start):
        numbers = [*run]
        first = origins[numbers[0]].at
        density = method.log_density(origins[numbers[-1]].whole(series), first - start)
        for k in numbers:
            cut = slice(origins[k].at - first, origins[k].end - first)
            found.append((k, None if density is None else density[cut]))
    return found

"""What every way of forecasting offers: ours, the naive ones, and those of other packages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from .forecast import Forecast
from .series import Numbers, Series


class Method(ABC):
    """Forecasts many series; what it learns it learns from what it is given, never from later."""

    name: str
    """Its row in a table."""

    def fit(self, series: Sequence[Series]) -> None:  # noqa: B027 - most learn nothing
        """Learn from these, which end where the present is. By default nothing is learnt."""

    @abstractmethod
    def forecast(
        self, contexts: Sequence[Series], horizon: int, n_samples: int, seed: int
    ) -> list[Forecast]:
        """`n_samples` paths of `horizon` steps after each context; a point method gives one."""

    def log_density(self, series: Series, first: int) -> Numbers | None:
        """log p of values `first...` `(T - first, N)`, each given all before it.

        In nats per unit of the series; NaN where a value is missing. None where the method has no
        density.
        """
        return None

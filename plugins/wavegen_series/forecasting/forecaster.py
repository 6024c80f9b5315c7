"""A trained model as a way of forecasting.

Dimensions: S paths, T steps, H steps of the horizon, N channels.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from wavegen.controls import Controls
from wavegen.errors import ConfigError, DataError
from wavegen.playing import TrainedModel, load

from ..domain import SeriesDomain
from ..forecast import LEVELS, Forecast
from ..heads import Direct
from ..method import Method
from ..model import ForecasterModel
from ..series import Numbers, Series
from ..tables.given import series_given, with_future_given
from ..units import log_slope, values_of
from . import calibration_file
from .conformal import Calibration
from .horizons import UNCERTAINTIES, Uncertainty, draw
from .limits import need_counts, short_of
from .one_pass import draw_ahead, nats_by_channel
from .paths import fill_gaps
from .telling import ahead, tell

PLAIN = Controls()


class Forecaster(Method):
    """Forecasts with a trained model: sample paths, all of them voices of one batch."""

    def __init__(
        self,
        model: TrainedModel,
        *,
        name: str = "wavegen",
        controls: Controls = PLAIN,
        uncertainty: Uncertainty = "paths",
        calibration: Calibration | None = None,
    ) -> None:
        """Raises `ConfigError` for a model of anything but series."""
        if not isinstance(model.domain, SeriesDomain):
            raise ConfigError("this model knows no series; train one with wavegen train series")
        if uncertainty not in UNCERTAINTIES:
            raise ConfigError(
                f"uncertainty is {uncertainty!r}; it must be {' or '.join(UNCERTAINTIES)}"
            )
        self.name = name
        self.model = model
        self.config = model.domain.config
        self._controls = controls
        self._uncertainty: Uncertainty = uncertainty
        self._calibration = calibration

    @classmethod
    def load(
        cls,
        run: Path | str,
        *,
        engine: str = "auto",
        device: str = "auto",
        precision: str = "float32",
        threads: int | None = None,
        controls: Controls = PLAIN,
        uncertainty: Uncertainty = "paths",
        conformal: bool = False,
    ) -> Forecaster:
        """The newest model of a run; with `conformal`, calibrated as the run was."""
        model = load(run, device, engine=engine, precision=precision, threads=threads)
        forecaster = cls(model, name=Path(run).name, controls=controls, uncertainty=uncertainty)
        if conformal:
            forecaster._calibration = forecaster.held_out(Path(run)).calibration
        return forecaster

    def held_out(self, run: Path) -> calibration_file.HeldOut:
        """What `wavegen series calibrate` learnt of this model, which lies with its run."""
        return calibration_file.read(run, self.model.fingerprint, self.config.channels)

    @property
    def direct_horizon(self) -> int | None:
        """How many steps it forecasts at once, for a model that draws no paths; else None."""
        return self.config.horizon if isinstance(self.model.head, Direct) else None

    @property
    def reach(self) -> int | None:
        """Steps that it looks back on, besides the units that it keeps; None is all."""
        inner = self.model.model
        return inner.backbone.receptive_field if isinstance(inner, ForecasterModel) else None

    def predict(
        self,
        data: Any,
        horizon: int,
        n_samples: int = 200,
        quantiles: Sequence[float] = LEVELS,
        future: Any = None,
        seed: int | None = None,
    ) -> Forecast | list[Forecast]:
        """What may follow a series, a list of them, a data frame, an array or a file of a table.

        `future` is a table of the covariates that are known ahead. Without a seed every call draws
        anew. One series gives one forecast, a list or a table of several a list of them.
        Raises `ConfigError` or `DataError`, with the value and the cure.
        """
        series = self.read(data, future)
        if line := self.short(series):
            warnings.warn(line, stacklevel=2)
        seed = secrets.randbits(32) if seed is None else seed
        found = self.forecasts(series, horizon, n_samples, seed, quantiles)
        return found[0] if len(found) == 1 and not isinstance(data, list | tuple) else found

    def read(self, data: Any, future: Any = None) -> list[Series]:
        """The series in whatever somebody has."""
        series = series_given(data, self.config.columns, self.config.channels)
        return series if future is None else with_future_given(series, future, self.config)

    def short(self, series: Sequence[Series]) -> str | None:
        """A line about series that are shorter than what the model looks back on, if any are."""
        return short_of(series, self.reach)

    def forecast(
        self, contexts: Sequence[Series], horizon: int, n_samples: int, seed: int
    ) -> list[Forecast]:
        """`n_samples` paths of `horizon` steps after each context."""
        return self.forecasts(contexts, horizon, n_samples, seed, LEVELS)

    def forecasts(
        self,
        contexts: Sequence[Series],
        horizon: int,
        n_samples: int,
        seed: int,
        levels: Sequence[float],
    ) -> list[Forecast]:
        """The same, with these quantiles in tables."""
        need_counts(horizon, n_samples, levels)
        if self.direct_horizon is not None and horizon > self.direct_horizon:
            raise ConfigError(
                f"the horizon is {horizon}, and this model forecasts {self.direct_horizon} steps "
                f"at once; ask for fewer, or train one with --domain.horizon {horizon}"
            )
        whole = [ahead(series, horizon) for series in contexts]
        told = [tell(series, self.config) for series in whole]
        drawn = draw(self.model, told, horizon, n_samples, seed, self._controls, self._uncertainty)
        found = [
            Forecast(
                series.until(len(series)),
                series.time[len(series) :],
                self._values(paths, series),
                tuple(levels),
            )
            for series, paths in zip(whole, drawn, strict=True)
        ]
        if self._calibration is not None:
            found = [self._calibration.apply(each) for each in found]
        return found

    def log_density(self, series: Series, first: int) -> Numbers | None:
        """log p of values `first...` `(T - first, N)` in nats per unit of the series."""
        if self.direct_horizon is not None:
            return None
        known = ahead(series, 0)
        nats = nats_by_channel(self.model, tell(known, self.config), first).numpy()
        return log_slope(known.values[first:], self.config) - nats

    def one_step(self, series: Series, first: int, n_samples: int, seed: int) -> Numbers:
        """`(S, T - first, N)` draws of each value, given all that was before it."""
        self._need_paths("one-step draws")
        told = tell(ahead(series, 0), self.config)
        return self._values(draw_ahead(self.model, told, first, n_samples, seed), series)

    def impute(self, series: Sequence[Series], n_samples: int = 100, seed: int = 0) -> list[Series]:
        """The series with what is missing filled in, from the past alone: the median of paths.

        One sample fills it with one path, which moves as the series does. Nothing that is known is
        changed.
        """
        self._need_paths("imputation")
        need_counts(1, n_samples, LEVELS)
        filled: list[Series] = []
        for each in series:
            known = ahead(each, 0)
            told = tell(known, self.config)
            paths = fill_gaps(self.model, told, n_samples, seed, self._controls)
            medians = np.median(self._values(paths, each), axis=0)
            filled.append(
                replace(each, values=np.where(np.isnan(each.values), medians, each.values))
            )
        return filled

    def _values(self, symbols: Tensor, series: Series) -> Numbers:
        """`(S, T, *E)` in units of the data `(S, T, N)`; never NaN or infinite."""
        drawn = symbols.cpu().numpy().reshape(*symbols.shape[:2], self.config.n_channels)
        values = values_of(drawn, self.config)
        lost = len(values) - int(np.isfinite(values).all(axis=(1, 2)).sum())
        if lost:
            raise DataError(
                f"series {series.name!r}: {lost} of {len(values)} paths ran out of the range of "
                "numbers; lower --temperature, or train the model longer"
            )
        return values

    def _need_paths(self, what: str) -> None:
        if self.direct_horizon is not None:
            raise ConfigError(
                f"this model forecasts {self.direct_horizon} steps at once and draws nothing, and "
                f"{what} takes draws; train one with another --domain.head"
            )

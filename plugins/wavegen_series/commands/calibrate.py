"""`wavegen series calibrate`: learn from held-out data how far quantiles have to be moved."""

from __future__ import annotations

import click
import numpy as np

from wavegen.cli.output import json_option, show
from wavegen.errors import ConfigError, DataError

from ..series import Numbers
from .forecasting_options import Asked, asks, seed_option

_RANKS = np.linspace(0, 1, 1001)


@click.command()
@asks
@click.option("--horizon", type=int, required=True, help="Steps that will be forecast, at most.")
@click.option("--origins", default=50, show_default=True, help="Forecasts of each series, at most.")
@click.option("--samples", default=200, show_default=True, help="Paths of each forecast.")
@seed_option
@json_option
def calibrate(
    asked: Asked, horizon: int, origins: int, samples: int, seed: int, as_json: bool
) -> None:
    """Forecast DATA, which the model in RUN has not learnt from, and keep with RUN how it missed.

    `wavegen forecast RUN --conformal` then moves its quantiles so that they hold as often as they
    say (split-conformal intervals), and `wavegen series anomalies` knows which surprise is usual.
    """
    from ..forecasting.calibration_file import HeldOut, write
    from ..forecasting.conformal import calibrate as learn

    if origins < 1:
        raise ConfigError(f"origins is {origins}; it must be 1 or more")
    forecaster = asked.load()
    series = asked.read(forecaster)
    # Those that begin later see more of the past, as forecasts of the future will.
    places = [(each, at) for each in series for at in _origins(len(each), horizon, origins)]
    if not places:
        raise DataError(
            f"{asked.data}: no series has {2 * horizon} steps, which a horizon of {horizon} takes "
            "to calibrate on; give longer ones or a shorter horizon"
        )
    contexts = [each.until(at, horizon) for each, at in places]
    truths = [each.values[at : at + horizon] for each, at in places]
    learnt = learn(forecaster.forecast(contexts, horizon, samples, seed), truths)
    densities = [forecaster.log_density(each, 0) for each in series]
    path = write(
        HeldOut(
            forecaster.model.fingerprint,
            forecaster.config.channels,
            learnt,
            _surprise([-each for each in densities if each is not None]),
        ),
        asked.run,
    )
    low, high = learnt.levels[0], learnt.levels[-1]
    text = (
        f"{path}: {learnt.n_forecasts:,} forecasts of {horizon} steps tell of the quantiles "
        f"{low:g} to {high:g}"
    )
    values = {
        "file": str(path),
        "forecasts": learnt.n_forecasts,
        "horizon": horizon,
        "levels": list(learnt.levels),
    }
    show(values, text, as_json)


def _origins(length: int, horizon: int, most: int) -> list[int]:
    """Where forecasts begin: evenly over the series from its first horizon's end on."""
    last = length - horizon
    if last < horizon or horizon < 1:
        return []
    n = min(most, 1 + (last - horizon) // horizon)
    return np.unique(np.linspace(last, horizon, n).astype(int)).tolist()


def _surprise(nats: list[Numbers]) -> Numbers | None:
    """`(N, 1001)` quantiles of -log p of the values of each channel, or None without densities."""
    return np.nanquantile(np.concatenate(nats), _RANKS, axis=0).T if nats else None

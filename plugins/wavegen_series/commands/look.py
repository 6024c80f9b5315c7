"""`wavegen series look`: pictures of a series, and of what a model does not explain of it."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from wavegen.cli.output import json_option, note, show
from wavegen.cli.playing import FILE, need_writable
from wavegen.errors import DataError

from .forecasting_options import seed_option

_DRAWS = 200


@click.command()
@click.argument("data", type=FILE)
@click.option("--plot", type=FILE, required=True, help="A PNG file to draw it to.")
@click.option("--series", "name", metavar="NAME", help="Which series; the first if not told.")
@click.option("--target", help="Its columns, NAME,NAME, where they have no usual names.")
@click.option("--run", type=FILE, help="A run: show how far its model looks back.")
@click.option("--residuals", is_flag=True, help="Of --run: what it misses, one step ahead.")
@seed_option
@json_option
def look(
    data: Path,
    plot: Path,
    name: str | None,
    target: str | None,
    run: Path | None,
    residuals: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Draw a series of DATA, its autocorrelation and that of its differences.

    With --run and --residuals: what one-step forecasts miss, whether that is noise, and whether the
    model knows how much it misses. Columns are then those that the run was trained on.
    """
    from ..pictures.series import autocorrelation, draw_look, draw_residuals
    from ..tables.columns import Columns
    from ..tables.given import series_given

    need_writable(plot)
    if residuals and run is None:
        raise DataError("residuals are those of a model; give --run")
    forecaster = None
    if run is not None:
        from ..forecasting.forecaster import Forecaster

        forecaster = Forecaster.load(run)
    names = tuple(target.split(",")) if target else ()
    series = (
        series_given(data, Columns(target=names)) if forecaster is None else forecaster.read(data)
    )
    one = next((each for each in series if name in (None, each.name)), None)
    if one is None:
        there = ", ".join(each.name for each in series[:12])
        raise DataError(f"{data}: has no series {name!r}; there are {there}")
    if residuals and forecaster is not None:
        draws = forecaster.one_step(one, 0, _DRAWS, seed)
        left = draw_residuals(one, 0, draws, plot)
        missed = one.values - np.median(draws, axis=0)
    else:
        left = draw_look(one, plot, None if forecaster is None else forecaster.reach)
        missed = one.values
    if left:
        note(f"{plot}: {left} more channels are not drawn")
    lag = [float(autocorrelation(column, 1)[1]) for column in missed.T]
    values = {"file": str(plot), "series": one.name, "steps": len(one), "lag_1": lag}
    show(values, str(plot), as_json)

"""`wavegen forecast`: what may follow series, as quantiles of sample paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wavegen.cli.output import json_option, note, show
from wavegen.cli.playing import FILE, controlled
from wavegen.controls import Controls

from .forecasting_options import Asked, asks, need_outputs, numbers, plot_option, seed_option

if TYPE_CHECKING:
    from ..forecast import Forecast

_SHOWN_ROWS = 30


@click.command()
@asks
@click.option("--horizon", type=int, required=True, help="Steps to forecast.")
@click.option("--samples", default=200, show_default=True, help="Paths of each series.")
@click.option(
    "--quantiles", default=".1,.5,.9", show_default=True, help="Of the paths, for the table."
)
@click.option("--future", type=FILE, help="A table of covariates that are known ahead.")
@click.option(
    "--uncertainty",
    default="paths",
    show_default=True,
    metavar="NAME",
    help="paths, or dropout: every path by another network, thinned by chance (slow).",
)
@click.option(
    "--conformal",
    is_flag=True,
    help="Move quantiles to where they held on the data of wavegen series calibrate.",
)
@controlled
@seed_option
@click.option("-o", "--output", type=FILE, help="A .csv or .parquet file to write.")
@plot_option
@click.option("--mark-reach", is_flag=True, help="Show in the plot how far the model looks back.")
@json_option
def forecast(
    asked: Asked,
    horizon: int,
    samples: int,
    quantiles: str,
    future: Path | None,
    uncertainty: Any,
    conformal: bool,
    controls: Controls,
    seed: int,
    output: Path | None,
    plot: Path | None,
    mark_reach: bool,
    as_json: bool,
) -> None:
    """Forecast the series in DATA by the model in RUN.

    DATA is a table: CSV, Parquet or NumPy, with the columns that the run was trained on. Rows at
    its end that have only what is known ahead are the future, as are those of --future.
    """
    levels = numbers(quantiles, "quantiles")
    need_outputs(output, plot)
    forecaster = asked.load(controls=controls, uncertainty=uncertainty, conformal=conformal)
    series = asked.read(forecaster, future)
    found = forecaster.forecasts(series, horizon, samples, seed, levels)
    if output is not None:
        from ..tables.writing import write_forecasts

        write_forecasts(output, found)
    if plot is not None:
        from ..pictures.fan import draw_fans

        left = draw_fans(found, plot, reach=forecaster.reach if mark_reach else None)
        if left:
            note(f"{plot}: {left} more are not drawn")
    if line := forecaster.model.engine_note:
        note(line)
    values = {
        "engine": forecaster.model.engine_name,
        "seed": seed,
        "horizon": horizon,
        "paths": len(found[0].samples),
        "conformal": conformal,
        "forecasts": [_plain(each) for each in found],
    }
    show(values, str(output) if output is not None else _table(found), as_json)


def _plain(forecast: Forecast) -> dict[str, Any]:
    """JSON values; numbers are lists of steps of lists of channels."""
    return {
        "unique_id": forecast.context.name,
        "channels": list(forecast.context.names.channels),
        "ds": [_moment(t) for t in forecast.time],
        "mean": forecast.mean.tolist(),
        "quantiles": {f"{a:g}": forecast.quantile(a).tolist() for a in forecast.levels},
    }


def _table(forecasts: Sequence[Forecast]) -> str:
    """Lines for people: the first rows."""
    from ..tables.tidy import forecast_columns

    columns = forecast_columns(forecasts, cutoff=False)
    rows = list(zip(*columns.values(), strict=True))
    cells = [list(columns), *([_cell(value) for value in row] for row in rows[:_SHOWN_ROWS])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    ]
    if len(rows) > _SHOWN_ROWS:
        lines.append(f"... {len(rows) - _SHOWN_ROWS} more rows; -o FILE writes them all")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else _moment(value)


def _moment(value: Any) -> str:
    """A date as short as can be, or any other value."""
    return str(value).removesuffix(".000000000").removesuffix("T00:00:00")

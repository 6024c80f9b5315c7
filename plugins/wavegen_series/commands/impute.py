"""`wavegen series impute`: fill what is missing, each value from the past of its series."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import numpy as np

from wavegen.cli.output import json_option, note, show
from wavegen.cli.playing import FILE, controlled
from wavegen.controls import Controls

from .forecasting_options import Asked, asks, need_outputs, seed_option


@click.command()
@asks
@click.option(
    "--fill",
    default="median",
    show_default=True,
    type=click.Choice(["median", "path"]),
    help="median: of all paths, smooth; path: one path, which moves as the series does.",
)
@click.option("--samples", default=100, show_default=True, help="Paths under --fill median.")
@controlled
@seed_option
@click.option("-o", "--output", type=FILE, required=True, help="A .csv or .parquet file to write.")
@json_option
def impute(
    asked: Asked,
    fill: Literal["median", "path"],
    samples: int,
    controls: Controls,
    seed: int,
    output: Path,
    as_json: bool,
) -> None:
    """Fill the gaps of the series in DATA by the model in RUN.

    A gap is drawn from what was known before it and never from what came after, so its end need not
    meet the next value. What is known is written as it was.
    """
    from ..tables.writing import write_series

    need_outputs(output, None)
    forecaster = asked.load(controls=controls)
    series = asked.read(forecaster)
    filled = forecaster.impute(series, samples if fill == "median" else 1, seed)
    write_series(output, filled)
    n = sum(int(np.isnan(each.values).sum()) for each in series)
    note(f"{n:,} values filled, each from its past alone")
    show({"file": str(output), "filled": n, "seed": seed}, str(output), as_json)

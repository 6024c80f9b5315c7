"""`wavegen series bench`: experiments of the literature, beside what was printed of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from wavegen.cli.output import json_option, note, show
from wavegen.errors import ConfigError


@click.command()
@click.argument("experiment", type=click.Choice(["geron", "damped", "stocks", "djia"]))
@click.option("--rows", default="", metavar="NAME,NAME", help="These rows only; else all.")
@click.option(
    "--seeds",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="How often what is random is done again.",
)
@click.option(
    "--budget",
    type=click.Choice(["book", "good"]),
    default="book",
    show_default=True,
    help="Training as in the sources, or a longer and better one.",
)
@click.option(
    "--horizon",
    "horizons",
    type=click.Choice(["1", "10"]),
    multiple=True,
    help="Of geron: steps ahead; both if not given.",
)
@click.option(
    "--plots",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Of stocks: a folder for pictures of Microsoft's forecasts over what came.",
)
@json_option
def bench(
    experiment: str,
    rows: str,
    seeds: int,
    budget: str,
    horizons: tuple[str, ...],
    plots: Path | None,
    as_json: bool,
) -> None:
    """Do an experiment of the literature again, with models that are trained here and now.

    geron: two sines and noise (Hands-On Machine Learning, chapter 15). damped: damped sines
    (stacked LSTM). stocks: daily prices and volumes, 12 forecasts of 30 days. djia: will the Dow
    Jones rise? Every table has simple rows to beat, and the smallest error that is possible where
    it is known.
    """
    tables = _tables(experiment, rows, seeds, budget, horizons, plots)
    show(
        {"tables": [table.to_dict() for table in tables]},
        "\n\n\n".join(str(table) for table in tables),
        as_json,
    )


def _tables(
    experiment: str,
    rows: str,
    seeds: int,
    budget: str,
    horizons: tuple[str, ...],
    plots: Path | None,
) -> Sequence[Any]:
    if horizons and experiment != "geron":
        raise ConfigError(f"--horizon is for geron; that of {experiment} is as in its source")
    if plots is not None and experiment != "stocks":
        raise ConfigError(f"--plots is for stocks; {experiment} draws nothing")
    match experiment:
        case "geron":
            from ..experiments.geron import HORIZONS, ROWS, geron

            ahead = [int(each) for each in horizons] or HORIZONS
            return geron(_chosen(rows, ROWS), ahead, seeds, budget, note)
        case "damped":
            from ..experiments.damped import ROWS, damped

            return damped(_chosen(rows, ROWS), seeds, budget, note)
        case "djia":
            from ..experiments.djia import ROWS, djia

            return djia(_chosen(rows, ROWS), seeds, note)
    from ..experiments.stocks import ROWS, stocks, usual

    chosen = _chosen(rows, ROWS) if rows else usual()
    with tempfile.TemporaryDirectory() as folder:
        found = [
            stocks(chosen, seed, budget, Path(folder) / str(seed), note) for seed in range(seeds)
        ]
    for file in found[0].draw(plots) if plots is not None else ():
        note(str(file))
    return found


def _chosen(names: str, there: Sequence[str]) -> Sequence[str]:
    """Those of `there` that are named, in its order."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in there:
            raise ConfigError(f"no row {name!r}; there are {', '.join(there)}")
    return [name for name in there if name in wanted or not wanted]

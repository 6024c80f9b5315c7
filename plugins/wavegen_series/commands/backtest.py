"""`wavegen series backtest`: what models would have forecast, beside the simple methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wavegen.cli.output import json_option, note, show
from wavegen.cli.playing import FILE, device_option, engine_option, need_writable, numbered

from .forecasting_options import seed_option

if TYPE_CHECKING:
    from ..judging.backtest import BacktestResult
    from ..judging.report import Report
    from ..method import Method
    from ..series import Series

_MOST = 8
"""Series that have tables and pictures of their own."""


def _words(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


@click.command()
@click.argument("runs", nargs=-1, type=FILE, metavar="[RUN]...")
@click.argument("data", type=FILE)
@click.option("--horizon", type=int, required=True, help="Steps to forecast.")
@click.option("--origins", type=int, help="Forecasts of each series: 12, or 1 of fixed-origin.")
@click.option("--stride", type=int, help="Steps from one origin to the next; else the horizon.")
@click.option(
    "--mode",
    default="rolling-origin",
    show_default=True,
    help="rolling-origin: all before an origin is known; rolling-window: the last --width steps; "
    "fixed-origin: one forecast, of the end.",
)
@click.option("--width", type=int, help="Steps that are known, of rolling-window.")
@click.option(
    "--refit",
    default="never",
    show_default=True,
    help="When the simple methods learn anew: never (at the first origin only), each, every:K.",
)
@click.option("--samples", default=200, show_default=True, help="Paths of each forecast.")
@click.option(
    "--metrics",
    default="mae,mase,rmse,crps,coverage:80,nll",
    show_default=True,
    callback=_words,
    help="Also mse, rmsse, mape, smape, winkler:80, pinball:10, direction.",
)
@click.option(
    "--rows", default="", callback=_words, help="More simple methods: garch, prophet (packages)."
)
@click.option("--season", type=click.IntRange(1), help="Steps of a season; else it is looked for.")
@click.option("--target", default="", callback=_words, help="Columns, where no RUN knows them.")
@click.option(
    "--abrupt", type=float, metavar="SHARE", help="Also score abrupt changes alone: above .02, say."
)
@click.option(
    "--uncertainty",
    default="paths",
    show_default=True,
    metavar="NAME",
    help="Of a RUN: paths, or dropout (slow).",
)
@click.option("--conformal", is_flag=True, help="Spread as `series calibrate` found it.")
@seed_option
@click.option("-o", "--output", type=FILE, help="A .csv or .parquet file of all forecasts.")
@click.option("--plot", type=FILE, help="A PNG file: the first RUN's forecasts over what came.")
@engine_option
@device_option
@json_option
def backtest(
    runs: tuple[Path, ...],
    data: Path,
    horizon: int,
    origins: int | None,
    stride: int | None,
    mode: str,
    width: int | None,
    refit: str,
    samples: int,
    metrics: tuple[str, ...],
    rows: tuple[str, ...],
    season: int | None,
    target: tuple[str, ...],
    abrupt: float | None,
    uncertainty: Any,
    conformal: bool,
    seed: int,
    plot: Path | None,
    output: Path | None,
    engine: str,
    device: str,
    as_json: bool,
) -> None:
    """Forecast DATA from past origins by each RUN and by simple methods, and score what came.

    No forecast sees what lies after its origin. The rows naive, seasonal-naive, drift, linear and
    ewma are always there. Without a RUN they are alone, which shows what there is to beat.
    """
    from ..forecasting.forecaster import Forecaster
    from ..judging.backtest import backtest as run_backtest
    from ..judging.baselines import ALWAYS, baseline
    from ..judging.contenders import cautions, read_for
    from ..judging.measures import measure
    from ..judging.origins import FIXED, Plan
    from ..judging.report import legend, report

    n_origins = (1 if mode == FIXED else 12) if origins is None else origins
    plan = Plan(mode, horizon, n_origins, stride, width, refit)
    for name in metrics:
        measure(name)
    simple = [baseline(name, season) for name in dict.fromkeys((*ALWAYS, *rows))]
    for file in (plot, output):
        if file is not None:
            need_writable(file)
    models = [
        Forecaster.load(
            run, engine=engine, device=device, uncertainty=uncertainty, conformal=conformal
        )
        for run in runs
    ]
    series = read_for(models, data, target)
    for line in cautions(models, series, plan):
        note(line)
    methods: list[Method] = [*simple, *models]
    result = run_backtest(methods, series, plan, samples, seed, tell=note)

    scored = {"": result}
    if abrupt is not None:
        scored["abrupt"] = _abrupt_only(result, series, abrupt)
    tables = {
        about: {name: report(part, metrics, season) for name, part in _parts(each).items()}
        for about, each in scored.items()
    }
    if output is not None:
        from ..judging.backtest_columns import backtest_columns
        from ..tables.writing import write_table

        write_table(output, backtest_columns(result))
    if plot is not None:
        _draw(result, methods[len(simple)] if models else simple[0], series, plot)
    values = {
        "plan": {**asdict(plan), "stride": plan.step},
        **{about or "scores": _json(each) for about, each in tables.items()},
    }
    show(values, "\n\n".join([*_texts(tables, abrupt), legend()]), as_json)


def _abrupt_only(
    result: BacktestResult, series: Sequence[Series], threshold: float
) -> BacktestResult:
    from ..treatments.abrupt import abrupt

    return result.only({each.name: abrupt(each.values, threshold) for each in series})


def _parts(result: BacktestResult) -> dict[str, BacktestResult]:
    """Each series where there are a few, and all."""
    names = result.series
    if len(names) == 1:
        return {names[0]: result}
    return {**{name: result.of(name) for name in names if len(names) <= _MOST}, "all": result}


def _json(tables: dict[str, Report]) -> dict[str, Any]:
    return {name: table.json() for name, table in tables.items()}


def _texts(tables: dict[str, dict[str, Report]], threshold: float | None) -> list[str]:
    texts = []
    for about, each in tables.items():
        if about:
            texts.append(f"abrupt changes only, above {threshold:g}:")
        texts += [table.text() for table in each.values()]
    return texts


def _draw(result: BacktestResult, method: Method, series: Sequence[Series], picture: Path) -> None:
    from ..pictures.fan import draw_strips

    shown = series[:_MOST]
    if len(series) > len(shown):
        note(f"{picture}: the first {_MOST} of {len(series)} series")
    for each, file in zip(shown, numbered(picture, len(shown)), strict=True):
        cases = result.of(each.name).cases[method.name]
        draw_strips(each, [case.forecast for case in cases], file)

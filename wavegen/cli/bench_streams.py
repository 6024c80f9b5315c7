"""`wavegen bench streams`: what of an engine's speed reaches many listeners."""

from __future__ import annotations

from typing import Any

import click

from .bench_values import listed, whole
from .output import json_option, show
from .playing import engine_option, precision_option, run_argument


@click.command()
@run_argument
@click.option(
    "--voices",
    default="1,2,4,8,16,32,64",
    show_default=True,
    help="Numbers of listeners, separated by commas.",
)
@engine_option
@precision_option
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1), help="CPU threads."
)
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1), help="Repetitions.")
@json_option
def streams(
    run: Any,
    voices: str,
    engine: str,
    precision: str | None,
    threads: int,
    rounds: int,
    as_json: bool,
) -> None:
    """Speed of the model in RUN: many streams through the scheduler, beside the engine alone.

    A stream is decoded, drawn in blocks that let others join, and can go back to what was heard.
    """
    from ..playing import load
    from ..scheduling.bench import bench_streams

    counts = listed("voices", voices, whole("voices", 1, 1024))
    model = load(
        run, engine=engine, precision=precision or "float32", slots=max(4, *counts), threads=threads
    )
    result = {
        "run": str(run),
        "engine": model.engine_name,
        "precision": precision or "float32",
        "threads": threads,
        **bench_streams(model.part, lambda seed: model.opening(seed=seed), counts, rounds),
    }
    lines = [
        f"{run}, {result['engine']} {result['precision']}, {threads} threads, {result['cpu']}",
        f"{'listeners':>9}{'engine steps/s':>16}{'streams steps/s':>17}{'share':>8}{'xrt':>9}",
    ]
    for row in result["rows"]:
        row["xrt"] = row["streams_steps_per_s"] / row["voices"] / model.domain.rate_hz
        lines.append(
            f"{row['voices']:>9}{row['engine_steps_per_s']:>16,.0f}"
            f"{row['streams_steps_per_s']:>17,.0f}{row['share']:>8.2f}{row['xrt']:>9.2f}"
        )
    show(result, "\n".join(lines), as_json)

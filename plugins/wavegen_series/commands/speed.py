"""`wavegen series speed`: how fast sample paths are drawn, by the native engine and by PyTorch."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from wavegen.cli.output import json_option, note, show
from wavegen.cli.playing import FILE, run_argument
from wavegen.errors import ConfigError


@click.command()
@run_argument
@click.argument("data", type=FILE)
@click.option("--horizon", default=500, show_default=True, help="Steps of a path.")
@click.option("--samples", default="1,1000", show_default=True, help="Numbers of paths.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, help="Of both engines.")
@json_option
def speed(
    run: Path, data: Path, horizon: int, samples: str, rounds: int, seed: int, as_json: bool
) -> None:
    """Forecast the first series of DATA by both engines, on one thread, from the same seeds.

    Times are medians of rounds in turn, reading the context included; "same" is the share of paths
    that are equal but for rounding. A rounding may tip a draw over the edge of a bin, and a path
    goes another way from there.
    """
    from ..forecasting.forecaster import Forecaster
    from .forecasting_options import numbers

    engines = {
        name: Forecaster.load(run, engine=name, device="cpu", threads=1)
        for name in ("torch", "native")
    }
    one = engines["torch"].read(data)[:1]
    rows: list[dict[str, Any]] = []
    for count in numbers(samples, "samples"):
        n = int(count)
        if n < 1 or n != count:
            raise ConfigError(f"samples has {count:g}; give whole numbers, 1 or more")
        seconds: dict[str, list[float]] = {name: [] for name in engines}
        drawn = {}
        for each in engines.values():
            each.forecast(one, 2, 1, seed)  # made ready, lest that be counted
        for _ in range(rounds):
            for name, each in engines.items():
                begin = time.perf_counter()
                drawn[name] = each.forecast(one, horizon, n, seed)[0].samples
                seconds[name].append(time.perf_counter() - begin)
        size = np.abs(drawn["torch"]).max()
        same = np.isclose(drawn["torch"], drawn["native"], rtol=1e-3, atol=1e-4 * size)
        median = {name: statistics.median(each) for name, each in seconds.items()}
        rows.append(
            {
                "paths": n,
                "horizon": horizon,
                **{f"{name}_seconds": value for name, value in median.items()},
                "ratio": median["torch"] / median["native"],
                "same": float(same.all(axis=(1, 2)).mean()),
            }
        )
        note(
            f"{n:,} paths of {horizon} steps: torch {median['torch']:.3f} s, native "
            f"{median['native']:.3f} s, {rows[-1]['ratio']:.1f}x, {rows[-1]['same']:.1%} the same"
        )
    text = "\n".join(f"{row['paths']:>6} paths  {row['ratio']:.1f}x" for row in rows)
    show({"rounds": rounds, "rows": rows}, text, as_json)

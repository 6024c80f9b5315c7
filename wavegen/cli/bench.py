"""`wavegen bench`: figures of this machine, as ratios taken in one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import ConfigError
from .bench_positions import positions
from .bench_serve import serve
from .bench_streams import streams
from .bench_values import listed, whole
from .output import json_option, show
from .playing import FILE, need_writable

_MODELS = {"G": "recurrent", "T": "linear-transformer"}
"""Sizes that benchmarks use, by the model that has them as presets; all others are WaveNets."""


@click.group()
def bench() -> None:
    """Measure speed on this machine."""


@bench.command()
@click.option("--config", "preset", default="S", show_default=True, help="A preset of the WaveNet.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Repetitions.")
@json_option
def train(preset: str, rounds: int, as_json: bool) -> None:
    """Training speed of a WaveNet on the CPU, beside plain Conv1d layers."""
    from ..training.bench import bench_train

    result = bench_train(preset, rounds)
    lines = [f"config {preset}, {result['threads']} threads, {result['cpu']}: samples/s"]
    rates = result["samples_per_s"]
    assert isinstance(rates, dict)
    for name, rate in rates.items():
        ratio = result.get(f"{name}_vs_conv1d")
        lines.append(f"  {name:<16}{rate:>10,}" + (f"  {ratio:.2f}x" if ratio else ""))
    show(result, "\n".join(lines), as_json)


@bench.command()
@click.option(
    "--config",
    "preset",
    default="S",
    show_default=True,
    help="A preset of the WaveNet, T (linear transformer), G (GRU), or MODEL:PRESET.",
)
@click.option(
    "--precision",
    "precisions",
    default="float32,bfloat16,int8",
    show_default=True,
    help="Precisions of the weights, separated by commas.",
)
@click.option(
    "--voices", default="1", show_default=True, help="Numbers of voices, separated by commas."
)
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1), help="CPU threads."
)
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1), help="Repetitions.")
@click.option("--picture", type=FILE, help="A PNG file for the rates over the number of voices.")
@json_option
def decode(
    preset: str,
    precisions: str,
    voices: str,
    threads: int,
    rounds: int,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Sampling speed on the CPU: the native engine beside the torch engine, random weights.

    floor is one read-only pass over the packed weights, which no step of one voice can beat;
    of floor is the share of it in the time of a step.
    """
    from ..engines.bench import bench_decode
    from ..heads import Categorical
    from ..model import SequenceSpec
    from ..plugins import plugins
    from ..program.precision import precision_of

    if picture is not None:
        need_writable(picture)
    kinds = listed("precision", precisions, precision_of)
    counts = listed("voices", voices, whole("voices", 1, 1024))
    kind, _, size = preset.rpartition(":")
    spec = plugins().model(kind or _MODELS.get(size, "wavenet")).spec
    if size not in spec.presets:
        raise ConfigError(
            f"no configuration {preset!r}; known: {', '.join(spec.presets)} of {spec.name}, "
            f"{', '.join(_MODELS)}, and MODEL:PRESET of others"
        )
    model = spec.build(spec.config(**spec.presets[size]), SequenceSpec(256, 256))
    result = {
        "config": preset,
        **bench_decode(
            model,
            Categorical(256),
            precisions=kinds,
            voices=counts,
            threads=threads,
            rounds=rounds,
        ),
    }
    if picture is not None:
        from .bench_picture import draw_rates

        draw_rates(result, picture)
    show(result, _table(result), as_json)


def _table(result: Mapping[str, Any]) -> str:
    """Lines for people."""
    lines = [
        f"config {result['config']}, {result['parameters']:,} parameters, {result['cpu']}, "
        f"build {result['build']}",
        f"{'engine':<8}{'weights':<10}{'voices':>6}{'threads':>8}{'steps/s':>11}{'us/step':>9}"
        f"{'vs torch':>10}{'floor us':>10}{'of floor':>10}{'GMAC/s':>8}",
    ]
    for row in result["rows"]:
        ratio = "" if row["vs_torch"] is None else f"{row['vs_torch']:.1f}x"
        floor = "" if row["floor_us"] is None else f"{row['floor_us']:.1f}"
        share = "" if row["of_floor"] is None else f"{row['of_floor']:.2f}"
        lines.append(
            f"{row['engine']:<8}{row['precision']:<10}{row['voices']:>6}{row['threads']:>8}"
            f"{row['steps_per_s']:>11,.0f}{row['us_per_step']:>9.2f}{ratio:>10}{floor:>10}"
            f"{share:>10}{row['gmacs']:>8.1f}"
        )
    return "\n".join(lines)


bench.add_command(positions)
bench.add_command(serve)
bench.add_command(streams)

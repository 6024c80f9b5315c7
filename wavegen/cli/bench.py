"""`wavegen bench`: figures of this machine, as ratios taken in one run."""

from __future__ import annotations

import click

from .output import json_option, show


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

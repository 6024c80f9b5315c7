"""`wavegen bench positions`: what a step costs as its past grows, linear beside softmax."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError
from .bench_values import listed, whole
from .output import json_option, show
from .playing import FILE, need_writable

if TYPE_CHECKING:
    from ..model import SequenceModel

_CLASSES = 256
_LABELS = {
    "linear, native": "linear, native program",
    "cache, native": "softmax with a cache, native program",
    "linear, torch": "linear, torch engine",
    "cache, torch": "softmax with a cache, torch",
}


@click.command()
@click.option(
    "--config", "preset", default="T", show_default=True, help="A preset of linear-transformer."
)
@click.option(
    "--positions",
    default="100,1000,4000,16000",
    show_default=True,
    help="Steps that have gone before, separated by commas.",
)
@click.option("--rounds", default=9, show_default=True, type=click.IntRange(1), help="Repetitions.")
@click.option("--picture", type=FILE, help="A PNG file for the times over the position.")
@json_option
def positions(
    preset: str, positions: str, rounds: int, picture: Path | None, as_json: bool
) -> None:
    """What a step costs as its past grows: a linear transformer beside a softmax transformer.

    Both are of one size, with random weights, in float32, for one voice on one thread; times are
    the CPU's. The softmax transformer has its best case, a cache of keys and values: as a step
    program whose window is the past, and in PyTorch with fused attention over memory that is there
    from the start. Whole sequences are also compared with computing everything again at each step,
    as in the paper.
    """
    from ..engines.bench_positions import Sizes, bench_positions
    from ..heads import Categorical
    from ..model import SequenceSpec
    from ..plugins import plugins

    if picture is not None:
        need_writable(picture)
    places = sorted(set(listed("positions", positions, whole("positions", 2, 2**18))))
    linear, softmax = (plugins().model(name).spec for name in ("linear-transformer", "transformer"))
    if preset not in linear.presets:
        known = ", ".join(linear.presets)
        raise ConfigError(f"no configuration {preset!r}; known: {known} of {linear.name}")
    built, sequence = linear.config(**linear.presets[preset]), SequenceSpec(_CLASSES, _CLASSES)
    sizes = Sizes(built.layers, built.width, built.heads, built.feed_forward)

    def windowed(window: int) -> SequenceModel[Any]:
        return softmax.build(
            softmax.config(
                layers=sizes.layers,
                width=sizes.width,
                heads=sizes.heads,
                feed_forward=sizes.feed_forward,
                window=window,
            ),
            sequence,
        )

    result = {
        "config": preset,
        **bench_positions(
            linear.build(built, sequence),
            windowed,
            sizes,
            Categorical(_CLASSES),
            positions=places,
            rounds=rounds,
        ),
    }
    if picture is not None:
        from .bench_picture import draw_positions

        draw_positions(result, picture)
    show(result, "\n".join([*_curves(result), *_sequences(result)]), as_json)


def _curves(result: Mapping[str, Any]) -> list[str]:
    """Milliseconds by position."""
    places, count = result["positions"], result["parameters"]
    head = "".join(f"{place:>10,}" for place in places)
    return [
        f"config {result['config']}, {count['linear']:,} parameters (softmax "
        f"{count['softmax']:,}), {result['cpu']}, build {result['build']}",
        f"{'ms a step at position':<38}{head}{'last/first':>12}",
        *(
            f"{label:<38}{''.join(f'{ms:>10.3f}' for ms in result['ms'][name])}"
            f"{result['growth'][name]:>12.3f}"
            for name, label in _LABELS.items()
        ),
    ]


def _sequences(result: Mapping[str, Any]) -> list[str]:
    """Whole sequences: seconds, and how many times faster than softmax attention."""
    lines = list[str]()
    for row in result["sequences"]:
        seconds, again, cache = row["seconds"], row["over_recompute"], row["over_cache"]
        lines += [
            f"{row['steps']:,} steps: linear {seconds['linear, native']:.2f} s native, "
            f"{seconds['linear, torch']:.2f} s torch; softmax {seconds['cache, native']:.2f} s "
            f"native and {seconds['cache, torch']:.2f} s torch with a cache, "
            f"{seconds['recompute, torch']:.1f} s computing all again (torch)",
            f"  linear is faster than computing all again: native {again['native']:,.0f}x, torch "
            f"{again['torch']:,.0f}x (the paper, batches on a GPU: "
            f"{row['paper_over_recompute']:,}x)",
            f"  linear is faster than a cache in the same engine: native {cache['native']:.2f}x, "
            f"torch {cache['torch']:.2f}x",
        ]
    return lines

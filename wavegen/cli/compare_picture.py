"""The picture of `wavegen compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import ConfigError
from ..observers import chart

_COLOURS = (
    "#c2410c", "#2f5d9e", "#3f7d4e", "#8b3f8f", "#b08a1e", "#1f8a8a", "#7a4b2a", "#c23b6b",
)  # fmt: skip
_TALLEST = 4.0
"""The picture leaves out what lies above the best bits times this: the first minutes are alike."""


def draw_runs(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    baselines: Mapping[str, float],
    picture: Path,
) -> None:
    """A PNG file: bits over minutes, one line for each run, named with its last bits."""
    figure, axes = chart.sheet("--picture")
    drawn = {name: points for name, points in curves.items() if points}
    if not drawn:
        raise ConfigError("--picture: none of the runs has been validated, so there are no bits")
    for i, (name, points) in enumerate(drawn.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=2, marker="o", markersize=4,
                  label=f"{name}  {points[-1][1]:.3f}")  # fmt: skip
    every = [bits for points in drawn.values() for _, bits in points]
    best = min(every)
    highest = max(bits for bits in every if bits < _TALLEST * best)
    near = {name: bits for name, bits in baselines.items() if bits < 1.1 * highest}
    chart.draw_baselines(axes, near)
    axes.set(xlabel="minutes of training", ylabel="bits a step, validation", xlim=(0, None))
    axes.set_ylim(0.97 * best, 1.05 * highest)
    axes.legend(frameon=False, labelcolor="linecolor", loc="upper right")
    axes.xaxis.label.set_color(chart.INK)
    chart.save(figure, axes, picture)

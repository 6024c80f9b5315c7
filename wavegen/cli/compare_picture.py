"""The picture of `wavegen compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import ConfigError

_INK, _FAINT = "#1f2430", "#8a90a0"
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
    """A PNG file: bits over minutes, one line for each run, named at its end."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "--picture: matplotlib is not installed; pip install 'wavegen[plot]'"
        ) from error
    drawn = {name: points for name, points in curves.items() if points}
    if not drawn:
        raise ConfigError("--picture: none of the runs has been validated, so there are no bits")
    figure = Figure(figsize=(9, 4.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for i, (name, points) in enumerate(drawn.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=2, marker="o", markersize=4,
                  label=f"{name}  {points[-1][1]:.3f}")  # fmt: skip
    best = min(bits for points in drawn.values() for _, bits in points)
    shown = [bits for points in drawn.values() for _, bits in points if bits < _TALLEST * best]
    for name, bits in baselines.items():
        if bits < max(shown) * 1.1:
            axes.axhline(bits, color=_FAINT, linewidth=0.8, linestyle="--")
            axes.text(1, bits, f"{name} {bits:.2f} ", color=_FAINT, fontsize=9, ha="right",
                      va="bottom", transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set(xlabel="minutes of training", ylabel="bits a step, validation", xlim=(0, None))
    axes.set_ylim(0.97 * best, 1.05 * max(shown))
    axes.legend(frameon=False, labelcolor="linecolor", loc="upper right")
    axes.tick_params(colors=_FAINT)
    axes.xaxis.label.set_color(_INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(picture, dpi=150, format="png")

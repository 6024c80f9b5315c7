"""The picture of `wavegen bench decode`: rates over the number of voices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError

_INK, _FAINT = "#1f2430", "#8a90a0"
_COLOURS = {
    "native int8": "#3f7d4e",
    "native bfloat16": "#c2410c",
    "native float32": "#2f5d9e",
    "torch float32": _FAINT,
}


def draw(result: Mapping[str, Any], picture: Path) -> None:
    """A PNG file: steps a second of all voices together, one line for each engine."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter
    except ImportError as error:
        raise ConfigError(
            "--picture: matplotlib is not installed; pip install 'wavegen[plot]'"
        ) from error
    figure = Figure(figsize=(9, 4.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, colour in _COLOURS.items():
        rows = [r for r in result["rows"] if f"{r['engine']} {r['precision']}" == name]
        if rows:
            x, y = [r["voices"] for r in rows], [r["steps_per_s"] for r in rows]
            axes.plot(x, y, color=colour, linewidth=2, marker="o", markersize=4, label=name)
    counts = sorted({row["voices"] for row in result["rows"]})
    threads = max(row["threads"] for row in result["rows"])
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.legend(frameon=False, labelcolor="linecolor", loc="lower right")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    axes.set(xlabel="voices", ylabel="steps/s of all voices")
    axes.set_title(
        f"config {result['config']}, {threads} thread{'s' if threads > 1 else ''}, "
        f"{result['cpu']}, {result['build']}",
        loc="left", fontsize=10, color=_INK,
    )  # fmt: skip
    axes.grid(axis="y", which="both", color="#e6e8ee", linewidth=0.6)
    axes.tick_params(colors=_FAINT)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(picture, dpi=150, format="png")

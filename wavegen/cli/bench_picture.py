"""The pictures of `wavegen bench`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..observers import chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _GREEN, _ORANGE = "#2f5d9e", "#3f7d4e", "#c2410c"
_ENGINES = {
    "native int8": _GREEN,
    "native bfloat16": _ORANGE,
    "native float32": _BLUE,
    "torch float32": chart.FAINT,
}
_PASTS = {
    "recompute, torch": ("softmax, all computed again (torch)", chart.FAINT, "-"),
    "cache, torch": ("softmax with a cache, torch", _ORANGE, "--"),
    "cache, native": ("softmax with a cache, native", _ORANGE, "-"),
    "linear, torch": ("linear, torch", _BLUE, "--"),
    "linear, native": ("linear, native", _BLUE, "-"),
}


def draw_rates(result: Mapping[str, Any], picture: Path) -> None:
    """A PNG file: steps a second of all voices together, one line for each engine."""
    figure, axes = chart.sheet("--picture")
    for name, colour in _ENGINES.items():
        rows = [r for r in result["rows"] if f"{r['engine']} {r['precision']}" == name]
        if rows:
            x, y = [r["voices"] for r in rows], [r["steps_per_s"] for r in rows]
            axes.plot(x, y, color=colour, linewidth=2, marker="o", markersize=4, label=name)
    counts = sorted({row["voices"] for row in result["rows"]})
    threads = max(row["threads"] for row in result["rows"])
    axes.set_xscale("log", base=2)
    axes.legend(frameon=False, labelcolor="linecolor", loc="lower right")
    axes.set(xlabel="voices", ylabel="steps/s of all voices")
    title = f"config {result['config']}, {threads} thread{'s' if threads > 1 else ''}"
    _finish(figure, axes, counts, f"{title}, {result['cpu']}, {result['build']}", picture)


def draw_positions(result: Mapping[str, Any], picture: Path) -> None:
    """A PNG file: milliseconds of a step over its position, one line for each way to play."""
    figure, axes = chart.sheet("--picture")
    again = result["recompute"]
    curves = {name: (result["positions"], ms) for name, ms in result["ms"].items()}
    curves["recompute, torch"] = (again["positions"], again["ms"])
    for name, (label, colour, style) in _PASTS.items():
        x, y = curves[name]
        axes.plot(x, y, style, color=colour, linewidth=2, marker="o", markersize=4, label=label)
    axes.set_xscale("log")
    axes.legend(frameon=False, labelcolor="linecolor", fontsize=9, loc="upper left", handlelength=3)
    axes.set_xlim(left=10)
    axes.set(xlabel="position", ylabel="ms per step, one voice, one thread")
    _finish(
        figure,
        axes,
        result["positions"],
        f"config {result['config']}, {result['cpu']}, {result['build']}",
        picture,
    )


def _finish(figure: Figure, axes: Axes, marks: Sequence[int], title: str, picture: Path) -> None:
    """Logarithmic axes with plain numbers, and the file."""
    from matplotlib.ticker import FuncFormatter

    axes.set_yscale("log")
    axes.set_xticks(marks, [f"{n:,}" for n in marks])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}" if y >= 1 else f"{y:g}"))
    axes.set_title(title, loc="left", fontsize=10, color=chart.INK)
    axes.grid(axis="y", which="both", color="#e6e8ee", linewidth=0.6)
    chart.save(figure, axes, picture)

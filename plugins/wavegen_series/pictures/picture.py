"""A picture of a series: its values over time, one row for each channel.

Dimensions: T steps, N channels.
"""

from __future__ import annotations

from pathlib import Path

from wavegen.errors import ConfigError

from ..series import Series

_INK, _LINE = "#1f2430", "#31588f"
_MOST_ROWS = 12


def draw(series: Series, path: Path, title: str = "") -> None:
    """Write a PNG. Raises `ConfigError` where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "pictures need matplotlib, which is not installed; pip install 'wavegen[plot]'"
        ) from error
    names = series.names.channels[:_MOST_ROWS]
    figure = Figure(figsize=(10, 1.2 + 2 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    time, is_short = series.time[: len(series)], len(series) <= 100
    for axes, name, values in zip(rows, names, series.values.T, strict=False):
        axes.plot(time, values, ".-" if is_short else "-", color=_LINE, linewidth=1, markersize=4)
        axes.set_ylabel(name, color=_INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    rows[-1].set_xlabel("time" if time.dtype.kind == "M" else "step")
    figure.suptitle(title or series.name, color=_INK)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error

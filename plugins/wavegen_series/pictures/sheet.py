"""What all pictures of series share: the sheet, its panels, time axes, and the file.

Dimensions: T steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wavegen.observers import chart

from ..series import Series, Times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN = "#2f5d9e", "#c2410c", "#3f7d4e"
BANDS = ((0.95, "#d9e3f1"), (0.8, "#b3c7e3"), (0.5, "#86a5d0"))
"""Share of the paths, and its colour, from the back to the front."""
MOST_PANELS = 6
_PANEL_INCHES = 2.6


def panels(n: int, columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """An empty sheet with n panels. Raises `ConfigError` where matplotlib is missing."""
    figure, one = chart.sheet("--plot")
    rows = -(-n // columns)
    if n == 1:
        return figure, [one]
    figure.clear()
    figure.set_size_inches(9 if columns == 1 else 12, max(4.6, _PANEL_INCHES * rows))
    grid: Any = figure.subplots(rows, columns, squeeze=False)
    every = list(grid.flat)
    for unused in every[n:]:
        unused.set_visible(False)
    return figure, every[:n]


def legend(figure: Figure, axes: Axes) -> None:
    """Beside the panels, where no line runs; `axes` has one of each kind."""
    figure.legend(
        *axes.get_legend_handles_labels(),
        frameon=False, labelcolor=chart.INK, fontsize=9, loc="outside right upper",
    )  # fmt: skip


def time_axis(axes: Axes, time: Times, most_ticks: int = 9) -> None:
    """Dates as dates; numbers as steps."""
    if time.dtype.kind != "M":
        axes.set_xlabel("step", color=chart.INK)
        return
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=most_ticks)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def title(axes: Axes, text: str) -> None:
    """A quiet one, to the left."""
    axes.set_title(text, loc="left", fontsize=10, color=chart.INK)


def named(series: Series, channel: int) -> str:
    """What a panel is of."""
    channels = series.names.channels
    return series.name if len(channels) == 1 else f"{series.name}, {channels[channel]}"


def finish(figure: Figure, axes: Sequence[Axes], picture: Path) -> None:
    """Write the PNG file, with two quiet sides only."""
    for each in axes[1:]:
        each.tick_params(colors=chart.FAINT)
        for side in ("top", "right"):
            each.spines[side].set_visible(False)
    chart.save(figure, axes[0], picture)

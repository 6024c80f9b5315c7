"""What all charts of one pair of axes share: the sheet, the baselines, and the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#1f2430", "#8a90a0"


def sheet(asked_by: str) -> tuple[Figure, Axes]:
    """An empty chart. Raises `ConfigError` where matplotlib is missing, and says who needs it."""
    try:
        import matplotlib  # noqa: F401  # parts of it may be loaded where it is blocked
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            f"{asked_by}: matplotlib is not installed; pip install 'wavegen[plot]'"
        ) from error
    figure = Figure(figsize=(9, 4.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def draw_baselines(axes: Axes, baselines: Mapping[str, float]) -> None:
    """A dashed line at the bits of each, with its name."""
    for name, bits in baselines.items():
        axes.axhline(bits, color=FAINT, linewidth=0.8, linestyle="--")
        axes.text(1, bits, f"{name} {bits:.2f} ", color=FAINT, fontsize=9, ha="right", va="bottom",
                  transform=axes.get_yaxis_transform())  # fmt: skip


def save(figure: Figure, axes: Axes, picture: Path) -> None:
    """Write the PNG file, with two quiet sides only."""
    axes.tick_params(colors=FAINT)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(picture, dpi=150, format="png")

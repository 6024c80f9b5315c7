"""The training curve of a run, drawn to `RUN/curve.png` at each validation.

It is drawn from the run's log, so a resumed run shows its whole life.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError
from ..hookspecs import Event, Observer
from . import run_log

_INK, _FAINT, _TRAIN, _VALID = "#1f2430", "#8a90a0", "#a9bcdb", "#c2410c"


class Curve(Observer):
    """Draws bits over time, beside the baselines."""

    def __init__(self, run: Path) -> None:
        try:
            import matplotlib  # noqa: F401  # better now than after the first hour
        except ImportError as error:
            raise ConfigError(
                "observer curve: matplotlib is not installed; pip install 'wavegen[plot]'"
            ) from error
        self._log, self._picture = run / "log.jsonl", run / "curve.png"

    def notify(self, event: Event) -> None:
        """Draw anew where there is a new point."""
        if event.kind in ("validated", "finished"):
            draw(run_log.read(self._log), self._picture)


def draw(lines: run_log.Lines, picture: Path) -> None:
    """Lines of a run's log to a PNG file; without any bits there is nothing to draw."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    train, valid = run_log.training(lines), run_log.validation(lines)
    if not train or not valid:
        return
    figure = Figure(figsize=(9, 4.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot(*zip(*train, strict=True), color=_TRAIN, linewidth=1, label="training")
    axes.plot(*zip(*valid, strict=True), color=_VALID, linewidth=2, marker="o", markersize=4,
              label="validation")  # fmt: skip
    last_minutes, last_bits = valid[-1]
    axes.annotate(f"{last_bits:.2f}", (last_minutes, last_bits), color=_VALID, xytext=(0, 6),
                  textcoords="offset points", ha="right", va="bottom")  # fmt: skip
    for name, bits in run_log.baselines(lines).items():
        axes.axhline(bits, color=_FAINT, linewidth=0.8, linestyle="--")
        axes.text(1, bits, f"{name} {bits:.2f} ", color=_FAINT, fontsize=9, ha="right", va="bottom",
                  transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set(xlabel="minutes", ylabel="bits per symbol", xlim=(0, None))
    axes.margins(x=0, y=0.08)
    axes.legend(frameon=False, labelcolor=_INK, loc="upper center")
    axes.tick_params(colors=_FAINT)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(picture, dpi=150, format="png")

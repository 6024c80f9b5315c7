"""The training curve of a run, drawn to `RUN/curve.png` at each validation.

It is drawn from the run's log, so a resumed run shows its whole life.
"""

from __future__ import annotations

from pathlib import Path

from ..hookspecs import Event, Observer
from . import chart, run_log

_TRAIN, _VALID = "#a9bcdb", "#c2410c"


class Curve(Observer):
    """Draws bits over time, beside the baselines."""

    def __init__(self, run: Path) -> None:
        chart.sheet("observer curve")  # better now than after the first hour
        self._log, self._picture = run / "log.jsonl", run / "curve.png"

    def notify(self, event: Event) -> None:
        """Draw anew where there is a new point."""
        if event.kind in ("validated", "finished"):
            draw(run_log.read(self._log), self._picture)


def draw(lines: run_log.Lines, picture: Path) -> None:
    """Lines of a run's log to a PNG file; without any bits there is nothing to draw."""
    train, valid = run_log.training(lines), run_log.validation(lines)
    if not train or not valid:
        return
    figure, axes = chart.sheet("observer curve")
    axes.plot(*zip(*train, strict=True), color=_TRAIN, linewidth=1, label="training")
    axes.plot(*zip(*valid, strict=True), color=_VALID, linewidth=2, marker="o", markersize=4,
              label="validation")  # fmt: skip
    last_minutes, last_bits = valid[-1]
    axes.annotate(f"{last_bits:.2f}", (last_minutes, last_bits), color=_VALID, xytext=(0, 6),
                  textcoords="offset points", ha="right", va="bottom")  # fmt: skip
    chart.draw_baselines(axes, run_log.baselines(lines))
    axes.set(xlabel="minutes", ylabel="bits per symbol", xlim=(0, None))
    axes.margins(x=0, y=0.08)
    axes.legend(frameon=False, labelcolor=chart.INK, loc="upper center")
    chart.save(figure, axes, picture)

"""The training curve of a run, drawn to `RUN/curve.png` at each validation.

It is drawn from the run's log, so a resumed run shows its whole life.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..hookspecs import Event, Observer

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
            draw(_lines(self._log), self._picture)


def draw(lines: Sequence[Mapping[str, Any]], picture: Path) -> None:
    """Lines of a run's log to a PNG file; without any bits there is nothing to draw."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    train = [(line["seconds"] / 60, line["bits"]) for line in lines if line["event"] == "progress"]
    valid = [
        (line["seconds"] / 60, line["bits_valid"])
        for line in lines
        if line["event"] == "validated" and line["bits_valid"] is not None
    ]
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
    for name, bits in _baselines(lines).items():
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


def _baselines(lines: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
    """Bits of each baseline, from the line that tells them; the newest where a run was resumed."""
    told = [line["baselines"] for line in lines if "baselines" in line]
    return told[-1] if told else {}


def _lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]

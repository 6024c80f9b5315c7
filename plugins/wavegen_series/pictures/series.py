"""Pictures of a series itself: its autocorrelation, what a model leaves unexplained, its surprises.

Dimensions: S draws, T steps, N channels, L lags.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wavegen.observers import chart

from ..series import Numbers, Series
from .sheet import BLUE, MOST_PANELS, ORANGE, finish, named, panels, time_axis, title

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes


_FEW_TICKS = 5
"""On a panel of three in a row."""


def autocorrelation(values: Numbers, lags: int) -> Numbers:
    """`(L + 1,)` of values `(T,)` at lags 0 to `lags`; a pair with a missing value counts as 0.

    NaN for a series that never moves.
    """
    known = np.isfinite(values)
    centred = np.where(known, values - values[known].mean(), 0.0) if known.any() else 0 * values
    total = (centred**2).sum()
    if not total > 0:
        return np.full(lags + 1, np.nan)
    ahead = [centred[: max(len(values) - lag, 0)] for lag in range(lags + 1)]
    return np.array([(centred[lag:] * each).sum() for lag, each in enumerate(ahead)]) / total


def draw_look(series: Series, picture: Path, reach: int | None = None) -> int:
    """A PNG file: each channel over time, its autocorrelation and that of its differences.

    `reach` is a receptive field in steps, which is drawn into the autocorrelation. Returns how many
    channels were left out.
    """
    shown = range(min(len(series.names.channels), MOST_PANELS // 2))
    figure, axes = panels(3 * len(shown), 3)
    for k in shown:
        line, levels, moves = axes[3 * k : 3 * k + 3]
        values = series.values[:, k]
        line.plot(series.time[: len(series)], values, color=chart.INK, linewidth=0.9)
        time_axis(line, series.time, _FEW_TICKS)
        line.set_ylabel(series.names.channels[k], color=chart.INK)
        title(line, f"{named(series, k)}: {len(series):,} steps")
        lags = _lags(len(series), reach)
        _correlogram(levels, values, lags, reach, "autocorrelation")
        _correlogram(moves, np.diff(values), lags, reach, "of the differences")
    _reach_label(axes[1], reach)
    finish(figure, axes, picture)
    return len(series.names.channels) - len(shown)


def draw_residuals(series: Series, first: int, draws: Numbers, picture: Path) -> int:
    """A PNG file of what one-step forecasts miss: over time, its autocorrelation, and the places of
    the values among what was drawn, which a calibrated model spreads evenly (the probability
    integral transform; Dawid 1984).

    `draws` `(S, T - first, N)` are of the steps from `first` on. Returns how many channels were
    left out.
    """
    values, time = series.values[first:], series.time[first : len(series)]
    missed = values - np.median(draws, axis=0)
    places = ((draws < values) + 0.5 * (draws == values)).mean(axis=0)
    shown = range(min(len(series.names.channels), MOST_PANELS // 2))
    figure, axes = panels(3 * len(shown), 3)
    for k in shown:
        line, lagged, spread = axes[3 * k : 3 * k + 3]
        line.plot(time, missed[:, k], color=chart.INK, linewidth=0.8)
        line.axhline(0, color=chart.FAINT, linewidth=0.8)
        time_axis(line, series.time, _FEW_TICKS)
        line.set_ylabel(f"residual, {series.names.channels[k]}", color=chart.INK)
        title(line, f"{named(series, k)}: value less median of one step ahead")
        _correlogram(
            lagged, missed[:, k], _lags(len(values), None), None, "autocorrelation of residuals"
        )
        known = places[np.isfinite(values[:, k]), k]
        bins = 20
        spread.hist(known, bins=bins, range=(0, 1), color=BLUE, rwidth=0.9)
        even = len(known) / bins
        spread.axhline(even, color=ORANGE, linewidth=1.2, linestyle="--")
        spread.set_xlabel("place of the value among the draws", color=chart.INK)
        spread.set_ylabel("steps", color=chart.INK)
        title(spread, f"one step ahead; calibrated is {even:,.4g} in each")
    finish(figure, axes, picture)
    return len(series.names.channels) - len(shown)


def draw_surprises(
    series: Series,
    nats: Numbers,
    odd: npt.NDArray[np.bool_],
    limits: Numbers,
    picture: Path,
) -> int:
    """A PNG file: each channel with its odd values marked `(T, N)`, and below it the nats of each.

    `limits` `(N,)` is from where on a value is odd. Returns how many channels were left out.
    """
    shown = range(min(len(series.names.channels), MOST_PANELS // 2))
    figure, axes = panels(2 * len(shown))
    time = series.time[: len(series)]
    for k in shown:
        line, score = axes[2 * k : 2 * k + 2]
        score.sharex(line)
        values, marked = series.values[:, k], odd[:, k]
        line.plot(time, values, color=chart.INK, linewidth=0.9)
        line.plot(time[marked], values[marked], "o", color=ORANGE, markersize=4)
        line.set_ylabel(series.names.channels[k], color=chart.INK)
        title(line, f"{named(series, k)}: {int(marked.sum())} odd values")
        score.plot(time, nats[:, k], color=BLUE, linewidth=0.8)
        score.axhline(limits[k], color=ORANGE, linewidth=1, linestyle="--")
        score.set_ylabel("-log p, nats", color=chart.INK)
        time_axis(score, series.time)
    finish(figure, axes, picture)
    return len(series.names.channels) - len(shown)


def _lags(steps: int, reach: int | None) -> int:
    return max(1, min(steps - 2, max(40, 0 if reach is None else round(1.15 * reach))))


def _correlogram(axis: Axes, values: Numbers, lags: int, reach: int | None, text: str) -> None:
    found = autocorrelation(values, lags)
    axis.vlines(np.arange(1, lags + 1), 0, found[1:], color=BLUE, linewidth=1.4)
    axis.axhline(0, color=chart.FAINT, linewidth=0.8)
    noise = 1.96 / np.sqrt(max(np.isfinite(values).sum(), 1))  # Bartlett, of white noise
    axis.axhspan(-noise, noise, color="#e6e8ee", zorder=0)
    if reach is not None:
        axis.axvline(reach, color=ORANGE, linewidth=1.2, linestyle="--")
    axis.set_xlim(0, lags + 1)
    axis.set_xlabel("lag, steps", color=chart.INK)
    title(axis, text)


def _reach_label(axis: Axes, reach: int | None) -> None:
    if reach is not None:
        is_left = reach < axis.get_xlim()[1] / 2
        axis.text(reach, 0.98, f" receptive field, {reach} ", color=ORANGE, fontsize=9, va="top",
                  ha="left" if is_left else "right", transform=axis.get_xaxis_transform(),
                  backgroundcolor="#ffffffcc")  # fmt: skip

"""Pictures of forecasts: a fan after what was known, and strips of several over what came.

Dimensions: S paths, H steps of the horizon, N channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wavegen.observers import chart

from ..forecast import Forecast
from ..series import Numbers, Series
from .sheet import BANDS, BLUE, MOST_PANELS, ORANGE, finish, legend, named, panels, time_axis, title

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

_TAIL = 3
"""How much of what was known is shown, in horizons."""
_LEAST_TAIL = 40


def draw_fans(
    forecasts: Sequence[Forecast],
    picture: Path,
    truths: Sequence[Series] | None = None,
    reach: int | None = None,
) -> int:
    """A PNG file with a fan for each channel of each forecast, the first `MOST_PANELS` of them.

    `truths` are whole series, to draw what came; `reach` is a receptive field in steps, which is
    shaded. Returns how many panels were left out.
    """
    every = [(i, k) for i, f in enumerate(forecasts) for k in range(f.samples.shape[2])]
    shown = every[:MOST_PANELS]
    figure, axes = panels(len(shown), 1 if len(shown) < 4 else 2)
    for axis, (i, k) in zip(axes, shown, strict=True):
        _fan(axis, forecasts[i], k, None if truths is None else truths[i], reach)
    legend(figure, axes[0])
    finish(figure, axes, picture)
    return len(every) - len(shown)


def draw_strips(whole: Series, forecasts: Sequence[Forecast], picture: Path) -> None:
    """A PNG file: all that came in `whole`, and over it what was forecast at each origin."""
    n_channels = len(whole.names.channels)
    figure, axes = panels(min(n_channels, MOST_PANELS))
    for k, axis in enumerate(axes):
        first = min(len(f.context) for f in forecasts)
        horizon = max(len(f.time) for f in forecasts)
        begin = max(0, first - max(_TAIL * horizon, _LEAST_TAIL))
        axis.plot(whole.time[begin : len(whole)], whole.values[begin:, k], color=chart.INK,
                  linewidth=1.1, label="what came", zorder=4)  # fmt: skip
        for i, each in enumerate(forecasts):
            labels = i == 0
            _bands(axis, each.time, each.samples[:, :, k], labels)
            axis.axvline(each.time[0], color=chart.FAINT, linewidth=0.6, linestyle=":")
        time_axis(axis, whole.time)
        axis.set_ylabel(whole.names.channels[k], color=chart.INK)
        title(axis, f"{named(whole, k)}: {len(forecasts)} origins")
    legend(figure, axes[0])
    finish(figure, axes, picture)


def _fan(
    axis: Axes, forecast: Forecast, channel: int, truth: Series | None, reach: int | None
) -> None:
    known, horizon = forecast.context, len(forecast.time)
    n = len(known)
    begin = max(0, n - max(_TAIL * horizon, _LEAST_TAIL))
    values = known.values[:, channel]
    time = known.time[:n]
    if reach is not None and n > 1:
        far = max(n - reach, begin)
        more = "\n(begins further back)" if far > n - reach else ""
        axis.axvspan(time[far], time[-1], color="#f4f0e6", zorder=0,
                     label=f"receptive field:\n{reach} steps{more}")  # fmt: skip
    axis.plot(time[begin:], values[begin:], color=chart.INK, linewidth=1.2, label="known",
              marker="." if np.isnan(values[begin:]).any() else "", markersize=3)  # fmt: skip
    paths, when = forecast.samples[:, :, channel], np.array(forecast.time)
    if not np.isnan(values[-1]):  # the fan opens where the line ends
        paths = np.concatenate([np.full((len(paths), 1), values[-1]), paths], axis=1)
        when = np.insert(when, 0, time[-1])
    _bands(axis, when, paths, labels=True)
    if truth is not None:
        came = truth.values[n : n + horizon, channel]
        axis.plot(forecast.time[: len(came)], came, color=ORANGE, linewidth=1.2, label="what came")
    time_axis(axis, forecast.time)
    axis.set_ylabel(known.names.channels[channel], color=chart.INK)
    what = "a point forecast" if len(paths) == 1 else f"{len(paths):,} paths"
    title(axis, f"{named(known, channel)}: {horizon} steps, {what}")


def _bands(axis: Axes, time: npt.NDArray[Any], paths: Numbers, labels: bool) -> None:
    """Bands of 50, 80 and 95 %, where there are paths enough, and the median."""
    if len(paths) > 1:
        for share, colour in BANDS:
            low, high = np.quantile(paths, [(1 - share) / 2, (1 + share) / 2], axis=0)
            label = f"{share:.0%} of paths" if labels else None
            axis.fill_between(time, low, high, color=colour, linewidth=0, label=label, zorder=2)
    label = ("median" if len(paths) > 1 else "forecast") if labels else None
    axis.plot(time, np.median(paths, axis=0), color=BLUE, linewidth=1.4, label=label, zorder=3)

"""Seasonal naive: the value of one season ago; and how long a season is, when nobody says.

Dimensions: S paths, H steps of the horizon, T steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..series import Numbers, Series
from .per_channel import (
    Channel,
    PerChannel,
    channels,
    filled,
    mirrored,
    normal_log_density,
    recent_mean,
    resolution,
)


class SeasonalNaive(PerChannel):
    """The value one season ago, with normal steps of the size of recent seasonal changes."""

    name = "seasonal-naive"

    def __init__(self, season: int | None = None) -> None:
        """`season` in steps; None finds one for each channel, 1 where there is none."""
        self._given = season
        self._found: dict[tuple[str, int], int] = {}

    def fit(self, series: Sequence[Series]) -> None:
        """Find the seasons."""
        self._found = {
            channel.key: season_of(channel.values) for each in series for channel in channels(each)
        }

    def paths(
        self, channel: Channel, horizon: int, n_samples: int, rng: np.random.Generator
    ) -> Numbers:
        """See `PerChannel.paths`."""
        season = self._season(channel, channel.values)
        x = _over_gaps(channel.values, season)
        steps = channel.values[season:] - x[:-season]
        squares = steps[~np.isnan(steps)] ** 2
        spread = np.sqrt(recent_mean(squares)[-1]) if len(squares) else 0.0
        # What is before the first value has none to repeat: take the last value instead.
        known = np.where(np.isnan(x), filled(channel.values)[-1], x)[-season:]
        rounds = -(-horizon // season)
        noise = mirrored(rng, n_samples, rounds, season)
        walk = known + np.cumsum(noise * np.maximum(spread, resolution(known)), axis=1)
        return walk.reshape(n_samples, -1)[:, :horizon]

    def density(self, channel: Channel, first: int) -> Numbers:
        """See `PerChannel.density`."""
        season = self._season(channel, channel.values[:first])
        x = channel.values
        before = np.concatenate([np.full(season, np.nan), _over_gaps(x, season)])[: len(x)]
        squares = (x - before) ** 2
        told = ~np.isnan(squares)
        sizes = np.concatenate([[np.nan], np.sqrt(recent_mean(squares[told]))])
        spread = sizes[np.cumsum(told) - told]  # of the changes before each
        spread = np.maximum(spread, resolution(before))
        return normal_log_density(x - before, spread)[first:]

    def _season(self, channel: Channel, past: Numbers) -> int:
        season = self._given or self._found.get(channel.key) or season_of(past)
        return season if season < len(past) else 1


def season_of(values: Numbers) -> int:
    """Steps after which changes repeat, by autocorrelation of the changes; 1 where they do not.

    Of the changes, because a level that wanders seems to have a season and its changes have none.
    """
    change = np.diff(values)
    told = ~np.isnan(change)
    if told.sum() < 8:
        return 1
    centred = np.where(told, change - change[told].mean(), 0)
    n = len(centred)
    spectrum = np.fft.rfft(centred, 2 * n)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: n // 3]
    if correlation[0] <= 1e-18 * n * np.abs(change[told]).max() ** 2:  # all changes are alike
        return 1
    # Each lag has n - lag products; a sum that is not scaled up for that prefers short seasons.
    correlation = correlation / correlation[0] * n / (n - np.arange(len(correlation)))
    middle = correlation[1:-1]
    peak = np.flatnonzero((middle > correlation[:-2]) & (middle >= correlation[2:])) + 1
    # Changes of noise are opposed one step apart, so what is above 0 ever since then is no season.
    fell = np.minimum.accumulate(np.append([1.0, 1.0], correlation[2:]))
    peak = peak[(fell[peak] < 0) & (correlation[peak] > max(0.25, 4 / np.sqrt(told.sum())))]
    if not len(peak):
        return 1
    # The first that is nearly as high as any, not one of its multiples; noise splits its top.
    first = peak[correlation[peak] >= 0.8 * correlation[peak].max()][0]
    near = peak[(peak >= first) & (peak <= 1.25 * first)]
    return int(near[np.argmax(correlation[near])])


def _over_gaps(values: Numbers, season: int) -> Numbers:
    """What is missing is taken from the season before."""
    padded = np.concatenate([values, np.full(-len(values) % season, np.nan)])
    table = padded.reshape(-1, season)
    return np.stack([filled(column) for column in table.T], axis=1).reshape(-1)[: len(values)]

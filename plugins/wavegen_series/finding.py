"""What a domain learns from its training data: units, the head, and notes about the series.

Dimensions: T steps, N channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .config import HeadName, SeriesConfig
from .nature import Nature, nature_of
from .series import Numbers, Series
from .splits import Part
from .tables.times import usual_step
from .units import transformed

_ENOUGH = 50_000
"""Values from which bins can be learnt."""


def complete(config: SeriesConfig, parts: Sequence[Part]) -> tuple[SeriesConfig, list[str]]:
    """The config with all that was to be found, and lines about it; `parts` are for training."""
    first = parts[0].series
    config = replace(config, channels=first.names.channels)
    values = [transformed(part.series, config)[: part.stop] for part in parts]
    nature = nature_of(values)
    notes = list[str]()
    if config.head == "auto":
        head, why = _head(nature)
        notes.append(f"domain.head {head}: {why}")
        config = replace(config, head=head)
    steps = np.array([usual_step(part.series.time) for part in parts])
    centre, spread = _beside(parts)
    offset, unit = _affine(values)
    config = replace(
        config,
        offset=config.offset or offset,
        unit=config.unit or unit,
        centre=config.centre or centre,
        spread=config.spread or spread,
        dated=first.time.dtype.kind == "M",
        usual_step=config.usual_step or int(np.median(steps)),
    )
    if config.head == "quantile" and not config.edges:
        config = replace(config, edges=_quantiles(values, config.bins))
    if nature.is_walk:
        notes.append(
            "looks like a random walk (ten lags leave "
            f"{nature.unexplained:.0%} of the variance of changes): --model.scaler difference"
        )
    if not config.gaps and (n := _irregular(parts)):
        notes.append(f"{n:.0%} of the steps are irregular in time: --domain.gaps tells the model")
    return config, notes


def _head(nature: Nature) -> tuple[HeadName, str]:
    if nature.is_noise and nature.has_heavy_tails:
        return "student-t", (
            f"heavy tails (excess kurtosis {nature.kurtosis:.1f}), and hardly predictable (ten "
            f"lags leave {nature.unexplained:.0%} of the variance)"
        )
    if nature.n_values < _ENOUGH:
        return "student-t", f"{nature.n_values:,} values are few for bins"
    return "mu-law", f"{nature.n_values:,} values of a signal"


def _affine(values: Sequence[Numbers]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel; 1 for a channel that never changes."""
    whole = np.concatenate(values)
    mean, deviation = np.nanmean(whole, axis=0), np.nanstd(whole, axis=0)
    # What differs by rounding only is constant.
    is_constant = deviation <= 1e-12 * np.maximum(np.abs(mean), 1e-12)
    return tuple(mean.tolist()), tuple(np.where(is_constant, 1.0, deviation).tolist())


def _beside(parts: Sequence[Part]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of the known, past and static covariates."""
    names = parts[0].series.names
    columns = list[np.ndarray]()
    for name, width in (("known", names.known), ("past", names.past), ("static", names.static)):
        arrays = [_covariates(part, name, len(width)) for part in parts]
        columns += list(np.concatenate(arrays).T)
    mean = [float(np.nanmean(c)) if np.isfinite(c).any() else 0.0 for c in columns]
    spread = [float(np.nanstd(c)) if np.isfinite(c).any() else 0.0 for c in columns]
    return tuple(mean), tuple(s if s > 0 else 1.0 for s in spread)


def _covariates(part: Part, name: str, width: int) -> np.ndarray:
    if name == "static":
        return part.series.static.reshape(1, width)
    array = part.series.known if name == "known" else part.series.past
    return array[: part.stop].reshape(-1, width) if width else np.empty((0, 0))


def _quantiles(values: Sequence[Numbers], n: int) -> tuple[float, ...]:
    """Edges over values of all channels, those of each series in standard units."""
    import torch

    from wavegen.heads import quantile_edges

    scaled = [
        (v - np.nanmean(v, axis=0)) / np.maximum(np.nanstd(v, axis=0), 1e-12)
        for v in values
        if np.isfinite(v).any(axis=0).all()
    ]
    flat = np.concatenate([s.ravel() for s in scaled])
    return tuple(quantile_edges(torch.from_numpy(flat), n).tolist())


def _irregular(parts: Sequence[Part]) -> float:
    """Share of steps that are neither the usual one nor a weekend; 0 where that is few."""
    odd = count = 0
    for part in parts:
        time = part.series.time[: part.stop]
        between = np.diff(time).astype(np.int64)
        usual = usual_step(time)
        is_odd = between != usual
        if time.dtype.kind == "M" and usual == 86_400 * 10**9:
            is_odd &= between > 5 * usual
        odd, count = odd + int(is_odd.sum()), count + len(between)
    share = odd / max(count, 1)
    return share if share > 0.02 and not _monthly(parts[0].series) else 0.0


def _monthly(series: Series) -> bool:
    """Months, quarters and years are of unequal length."""
    between = np.diff(series.time).astype(np.int64)
    return series.time.dtype.kind == "M" and bool((between >= 27 * 86_400 * 10**9).all())

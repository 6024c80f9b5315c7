"""Pictures of series: what they show, and that each is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_series.forecast import Forecast
from wavegen_series.pictures.fan import draw_fans, draw_strips
from wavegen_series.pictures.series import (
    autocorrelation,
    draw_look,
    draw_residuals,
    draw_surprises,
)
from wavegen_series.series import Names, Series

pytest.importorskip("matplotlib")


def walk(n: int, channels: int = 1, dated: bool = False) -> Series:
    rng = np.random.default_rng(n)
    time = np.arange(n)
    if dated:
        time = np.datetime64("2021-03-01", "ns") + time * np.timedelta64(1, "D")
    values = rng.normal(size=(n, channels)).cumsum(axis=0)
    values[n // 2] = np.nan
    return Series("walk", time, values, names=Names(tuple(f"c{k}" for k in range(channels))))


def forecast(series: Series, at: int, horizon: int, paths: int) -> Forecast:
    samples = np.random.default_rng(0).normal(size=(paths, horizon, series.values.shape[1]))
    return Forecast(series.until(at), series.time[at : at + horizon], samples)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(3, 60), st.floats(-1e6, 1e6), st.floats(0.1, 1e4))
def test_autocorrelation_is_that_of_shape(seed: int, n: int, level: float, scale: float) -> None:
    """1 at lag 0, at most 1 in size, and the same in other units."""
    values = np.random.default_rng(seed).normal(size=n)
    found = autocorrelation(values, n + 2)
    assert found[0] == pytest.approx(1)
    assert (np.abs(found) <= 1 + 1e-9).all()
    assert (found[n:] == 0).all()
    assert np.allclose(autocorrelation(level + scale * values, n + 2), found, atol=1e-4)


def test_autocorrelation_of_what_is_known() -> None:
    """By hand, of 1, -1, 1, -1: -3/4 at lag 1, 2/4 at lag 2; a wave comes back after a period."""
    assert np.allclose(autocorrelation(np.array([1.0, -1, 1, -1]), 3), [1, -0.75, 0.5, -0.25])
    wave = autocorrelation(np.sin(2 * np.pi * np.arange(400) / 20), 20)
    assert wave.argmin() == 10
    assert wave[20] > 0.9
    assert np.isnan(autocorrelation(np.ones(5), 2)).all()
    assert np.isnan(autocorrelation(np.full(5, np.nan), 2)).all()
    gap = np.array([1.0, np.nan, 1, -1, -1])
    assert autocorrelation(gap, 2)[1] == pytest.approx((0 - 1 + 1) / 4, abs=1e-9)


def drawn(picture: Path) -> bool:
    return picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 5000


def test_fans_and_strips(tmp_path: Path) -> None:
    long = walk(60, dated=True)
    picture = tmp_path / "fan.png"
    assert draw_fans([forecast(long, 50, 10, 20)], picture, [long], reach=100) == 0
    assert drawn(picture)
    paths = [forecast(long, 31, 10, 20), forecast(long, 50, 10, 1)]  # from a gap; one path
    assert draw_fans(paths, picture) == 0
    strips = tmp_path / "strips.png"
    draw_strips(long, [forecast(long, at, 10, 20) for at in (20, 35, 50)], strips)
    assert drawn(strips)


def test_looks_residuals_and_surprises(tmp_path: Path) -> None:
    series, picture = walk(50, channels=4), tmp_path / "look.png"
    assert draw_look(series, picture, reach=30) == 1
    assert drawn(picture)
    draws = np.random.default_rng(0).normal(size=(30, 45, 4))
    assert draw_residuals(series, 5, draws, picture) == 1
    nats = np.abs(series.values)
    assert draw_surprises(series, nats, nats > 2, np.full(4, 2.0), picture) == 1

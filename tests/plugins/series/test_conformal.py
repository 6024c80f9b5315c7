"""Conformal calibration: what it promises, what it refuses, and the file that keeps it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_series.forecast import Forecast
from wavegen_series.forecasting.calibration_file import NAME, HeldOut, read, write
from wavegen_series.forecasting.conformal import Calibration, calibrate, width
from wavegen_series.series import Names, Numbers, Series

from wavegen.errors import CheckpointError, ConfigError, DataError


def forecast(samples: Numbers, scale: float = 1.0) -> Forecast:
    """Paths `(S, H, N)` after a context that moves by about `scale`."""
    n = samples.shape[2]
    values = scale * np.repeat(np.arange(6.0)[:, None] % 2, n, axis=1)
    context = Series("a", np.arange(6), values, names=Names(tuple(f"c{k}" for k in range(n))))
    return Forecast(context, np.arange(6, 6 + samples.shape[1]), samples)


def world(rng: np.random.Generator, n: int, narrow: float) -> tuple[list[Forecast], list[Numbers]]:
    """Truths `(2, 1)` of any size, and forecasts that are too narrow and too low."""
    scales = np.exp(rng.normal(size=n))
    truths = [s * rng.normal(size=(2, 1)) for s in scales]
    paths = [s * (narrow * rng.normal(size=(40, 2, 1)) - 0.3) for s in scales]
    return [forecast(p, s) for p, s in zip(paths, scales, strict=True)], truths


@settings(max_examples=4)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 3.0]))
def test_quantiles_hold_on_new_data(seed: int, narrow: float) -> None:
    """An 80 % interval covers 80 % of what comes, whatever the forecast thought."""
    rng = np.random.default_rng(seed)
    learnt = calibrate(*world(rng, 300, narrow))
    forecasts, truths = world(rng, 300, narrow)
    mended = [learnt.apply(each) for each in forecasts]

    def share_below(level: float, given: list[Forecast]) -> float:
        hits = [truth <= each.quantile(level) for each, truth in zip(given, truths, strict=True)]
        return float(np.mean(hits))

    for level in (0.1, 0.5, 0.9):
        assert abs(share_below(level, mended) - level) < 0.11
    assert max(abs(share_below(level, forecasts) - level) for level in (0.1, 0.5, 0.9)) > 0.05


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(0.1, 5))
def test_paths_keep_their_order_at_each_step(seed: int, n: int, stretch: float) -> None:
    rng = np.random.default_rng(seed)
    before = forecast(rng.normal(size=(n, 3, 2)).round(1))
    levels = (0.1, 0.5, 0.9)
    shifts = stretch * rng.normal(size=(3, 4, 2))
    after = Calibration(levels, shifts, 20).apply(before)
    assert after.samples.shape == ((n, 3, 2) if n > 1 else (199, 3, 2))
    if n > 1:
        order = before.samples.argsort(axis=0, kind="stable")
        assert (np.diff(np.take_along_axis(after.samples, order, axis=0), axis=0) >= 0).all()
    same = Calibration(levels, 0 * shifts, 20).apply(before)
    assert np.allclose(np.sort(same.samples[:n], axis=0), np.sort(before.samples, axis=0))


@pytest.mark.parametrize(("n", "levels"), [(4, (0.2, 0.8)), (9, (0.1, 0.9)), (199, (0.005, 0.995))])
def test_so_many_forecasts_tell_of_such_levels(n: int, levels: tuple[float, float]) -> None:
    learnt = calibrate(*world(np.random.default_rng(0), n, 1.0))
    assert (learnt.levels[0], learnt.levels[-1]) == levels


@pytest.mark.parametrize(
    ("n", "ranks"), [(9, {0.9: 9, 0.1: 1, 0.5: 5, 0.3: 3}), (11, {0.8: 10, 0.2: 2, 0.5: 6})]
)
def test_ranks_are_those_of_the_proof(n: int, ranks: dict[float, int]) -> None:
    """Of 9 scores 1 to 9, the 90 % bound is the 9th; of 11 the 80 % bound is above 9.6."""
    flat = forecast(np.repeat(np.linspace(-1, 1, 101)[:, None, None], 1, axis=1))
    unit = width(flat)[0, 0]
    for level, rank in ranks.items():
        at = flat.quantile(level)
        truths = [at + k * unit for k in np.random.default_rng(0).permutation(np.arange(1, n + 1))]
        learnt = calibrate([flat] * n, truths)
        assert learnt.shifts[learnt.levels.index(level)] == pytest.approx(rank)


def test_a_point_forecast_gets_paths() -> None:
    rng = np.random.default_rng(3)
    points = [forecast(np.zeros((1, 2, 1))) for _ in range(99)]
    learnt = calibrate(points, [rng.normal(size=(2, 1)) for _ in range(99)])
    mended = learnt.apply(points[0])
    assert mended.quantile(0.9)[0, 0] == pytest.approx(1.28, abs=0.4)


def test_what_cannot_be_calibrated() -> None:
    forecasts, truths = world(np.random.default_rng(0), 20, 1.0)
    with pytest.raises(DataError, match="only 3 forecasts have a truth at every step"):
        calibrate(forecasts[:3], truths[:3])
    gaps = [truth * np.array([[1.0], [math.nan]]) for truth in truths[:-3]] + truths[-3:]
    with pytest.raises(DataError, match="only 3 forecasts"):
        calibrate(forecasts, gaps)
    learnt = calibrate(forecasts, truths)
    with pytest.raises(ConfigError, match=r"the quantile 0\.01 cannot be calibrated: 20 forecasts"):
        learnt.apply(replace(forecasts[0], levels=(0.01, 0.5)))
    longer = forecast(np.zeros((5, 3, 1)))
    with pytest.raises(ConfigError, match="the horizon is 3, and the calibration reaches 2 steps"):
        learnt.apply(longer)


# The file


def held_out(n: int = 12) -> HeldOut:
    learnt = calibrate(*world(np.random.default_rng(1), n, 1.0))
    return HeldOut("abc", ("c0",), learnt, np.linspace(0, 5, 11)[None])


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    for nats in (np.linspace(0, 5, 11)[None], None):
        before = replace(held_out(), nats=nats)
        path = write(before, tmp_path)
        assert path == tmp_path / NAME
        after = read(tmp_path, "abc", ("c0",))
        assert after.calibration.levels == before.calibration.levels
        assert np.array_equal(after.calibration.shifts, before.calibration.shifts)
        assert (after.nats is None) == (nats is None)


def test_it_belongs_to_one_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not calibrated; run wavegen series calibrate"):
        read(tmp_path, "abc", ("c0",))
    write(held_out(), tmp_path)
    for fingerprint, channels in (("other", ("c0",)), ("abc", ("x",))):
        with pytest.raises(CheckpointError, match="belongs to other weights"):
            read(tmp_path, fingerprint, channels)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "wavegen series calibration 2"},
        {"levels": [0.5, 0.1]},
        {"levels": [0.1, 2.0]},
        {"levels": []},
        {"levels": "all"},
        {"shifts": [[[1.0]]]},
        {"shifts": [[["x"]]]},
        {"shifts": [[[math.nan]]]},
        {"shifts": [[1.0], [2.0, 3.0]]},
        {"n_forecasts": -3},
        {"n_forecasts": None},
        {"channels": [3]},
        {"nats": [[1.0], [2.0]]},
        {"nats": 3},
        {"nats": {"a": 1}},
        {"fingerprint": ["abc"]},
    ],
    ids=str,
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write(held_out(), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match="calibrate again"):
        read(tmp_path, "abc", ("c0",))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\x00", b"[" * 100_000])
def test_no_file_of_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(CheckpointError, match="calibrate again"):
        read(tmp_path, "abc", ("c0",))

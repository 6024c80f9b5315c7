"""Denoising: how much noise goes, what looking ahead would feign, and series that are short."""

import numpy as np
import pytest
import pywt
from wavegen_series.treatments.denoise import (
    denoise,
    denoise_whole,
    levels_without_edges,
    rmse,
    snr_db,
)

N = 2048
TIME = np.arange(N) / N
SIGNAL = np.sin(10 * np.pi * TIME) + 0.5 * np.sign(np.sin(4 * np.pi * TIME)) + 1.45 * TIME


def test_noise_is_taken_out_by_as_much_as_was_measured():
    before, whole, causal = [], [], []
    for seed in range(8):
        noisy = SIGNAL + 0.3 * np.random.default_rng(seed).standard_normal(N)
        before.append(snr_db(SIGNAL, noisy))
        whole.append(snr_db(SIGNAL, denoise_whole(noisy[:, None])[:, 0]))
        causal.append(snr_db(SIGNAL, denoise(noisy[:, None])[:, 0]))
    assert np.mean(before) == pytest.approx(11.2, abs=0.1)
    assert np.mean(whole) > 19.5
    assert np.mean(before) + 5 < np.mean(causal) < np.mean(whole)


def test_details_shrink_by_the_threshold_of_donoho_and_johnstone():
    noisy = 3 * np.random.default_rng(4).standard_normal((2000, 1))
    before = pywt.wavedec(noisy[:, 0], "coif3", level=3)
    limit = np.median(np.abs(before[-1])) / 0.6745 * np.sqrt(2 * np.log(2000))
    assert limit == pytest.approx(3 * np.sqrt(2 * np.log(2000)), rel=0.1)
    noisy[:, 0] += pywt.waverec([0 * b for b in before[:-1]] + [_one(before[-1], 40)], "coif3")
    after = pywt.wavedec(denoise_whole(noisy)[:, 0], "coif3", level=3)
    shrunk = pywt.wavedec(noisy[:, 0], "coif3", level=3)[-1] - after[-1]
    assert shrunk.max() == pytest.approx(limit, rel=0.01)


def _one(like: np.ndarray, height: float) -> np.ndarray:
    return height * (np.arange(len(like)) == len(like) // 2)


def test_units_of_the_two_measures():
    signal, noisy = np.array([3.0, 4.0, np.nan]), np.array([3.0, 4.5, 1.0])
    assert snr_db(signal, noisy) == pytest.approx(20.0)
    assert rmse(signal, noisy) == pytest.approx(np.sqrt(0.125))
    assert snr_db(signal, signal) == np.inf


def test_a_series_without_noise_is_left_alone():
    level = np.full((400, 1), 5.0)
    np.testing.assert_allclose(denoise(level), level, atol=1e-12)
    np.testing.assert_allclose(denoise_whole(level), level, atol=1e-12)


def test_looking_ahead_feigns_that_a_random_walk_can_be_forecast():
    walk = np.random.default_rng(5).standard_normal((5000, 1)).cumsum(axis=0)
    later = np.diff(walk[:, 0])[600:] > 0

    def share_right(smooth: np.ndarray) -> float:
        above = smooth[:-1, 0] > walk[:-1, 0]  # what lies below its smooth course will rise
        return float(np.mean(above[600:] == later))

    assert share_right(denoise_whole(walk)) > 0.6
    assert share_right(denoise(walk)) == pytest.approx(0.5, abs=0.025)


def test_gaps_stay_gaps_and_nothing_else_becomes_one():
    x = np.random.default_rng(1).standard_normal((300, 2)).cumsum(axis=0)
    x[:4, 0] = x[100:110, 0] = x[-1, 0] = np.nan
    x[:, 1] = np.nan
    for smooth in (denoise(x, window=150), denoise_whole(x)):
        np.testing.assert_array_equal(np.isnan(smooth), np.isnan(x))


@pytest.mark.parametrize(("n", "levels"), [(33, 0), (34, 1), (50, 1), (68, 2), (136, 3), (512, 4)])
def test_short_windows_have_fewer_levels_without_edges(n, levels):
    assert levels_without_edges(n) == levels
    x = np.random.default_rng(2).standard_normal((n, 1))
    assert np.isfinite(denoise(x)).all()
    assert np.array_equal(denoise_whole(x), x) == (levels == 0)

"""Measures of forecasts against values by hand and closed forms."""

from math import erf, exp, pi, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wavegen_series.judging import metrics
from wavegen_series.judging.significance import better, overlapping, standard_error, wilson

from wavegen.errors import DataError

TRUTH = np.array([[1.0], [2.0], [np.nan], [4.0]])
POINT = np.array([[2.0], [2.0], [7.0], [1.0]])
KNOWN = np.array([[0.0], [1.0], [3.0], [2.0]])  # changes 1, 2, -1; two steps apart 3, 1


@pytest.mark.parametrize(
    ("found", "by_hand"),
    [
        (metrics.mae(TRUTH, POINT), 4 / 3),
        (metrics.mse(TRUTH, POINT), 10 / 3),
        (metrics.rmse(TRUTH, POINT), sqrt(10 / 3)),
        (metrics.mape(TRUTH, POINT), (100 + 0 + 75) / 3),
        (metrics.smape(TRUTH, POINT), 200 * (1 / 3 + 0 + 3 / 5) / 3),
        (metrics.smape(TRUTH * 0, POINT * 0), 0.0),
        (metrics.mase(TRUTH, POINT, KNOWN), 4 / 3 / (4 / 3)),
        (metrics.mase(TRUTH, POINT, KNOWN, season=2), 4 / 3 / 2),
        (metrics.rmsse(TRUTH, POINT, KNOWN), sqrt(10 / 3 / 2)),
        (metrics.pinball(TRUTH, POINT, 0.9), (0.1 + 0 + 0.9 * 3) / 3),
        (metrics.nll(np.array([[-1.0], [np.nan], [-2.0]])), 1.5),
        (metrics.snr(np.array([[10.0]]), np.array([[11.0]])), 20.0),
        (metrics.skill(3.0, 4.0), 0.25),
        (metrics.mae(metrics.only(TRUTH, np.array([True, False, True, False])), POINT), 1.0),
    ],
)
def test_the_measures_are_what_a_hand_finds(found, by_hand):
    assert found == pytest.approx(by_hand, rel=1e-12)


def test_a_truth_of_zero_has_no_percentage():
    with pytest.raises(DataError, match="some are 0; take mase or smape"):
        metrics.mape(TRUTH * 0, POINT)


def test_a_series_that_never_changed_scales_nothing():
    assert np.isnan(metrics.mase(TRUTH, POINT, KNOWN * 0))
    assert np.isnan(metrics.rmsse(TRUTH, POINT, KNOWN * 0))
    assert np.isnan(metrics.mase(TRUTH, POINT, KNOWN, season=9))


def test_nothing_to_score_is_no_number():
    nothing = TRUTH * np.nan
    samples = np.stack([POINT, POINT + 1])
    for found in (
        metrics.mae(nothing, POINT),
        metrics.crps(nothing, samples),
        metrics.coverage(nothing, samples),
        metrics.winkler(nothing, samples),
        metrics.direction(nothing, samples, KNOWN[-1]),
    ):
        assert np.isnan(found)


def test_the_crps_of_one_path_is_the_absolute_error():
    assert metrics.crps(TRUTH, POINT[None]) == metrics.mae(TRUTH, POINT)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=8), st.floats(-1e3, 1e3))
def test_the_crps_is_the_mean_over_pairs_of_different_paths(paths, y):
    n = len(paths)
    pairs = sum(abs(a - b) for a in paths for b in paths) / (n * (n - 1))
    by_hand = sum(abs(a - y) for a in paths) / n - pairs / 2
    found = metrics.crps(np.array([[y]]), np.array(paths)[:, None, None])
    assert found == pytest.approx(by_hand, abs=1e-9)


def test_the_crps_of_a_normal_is_its_closed_form_whatever_the_number_of_paths():
    z = 0.7
    density, below = exp(-z * z / 2) / sqrt(2 * pi), 0.5 * (1 + erf(z / sqrt(2)))
    closed = z * (2 * below - 1) + 2 * density - 1 / sqrt(pi)
    rng = np.random.default_rng(0)
    for n, cases in ((5, 40_000), (2_000, 100)):
        found = metrics.crps(np.full((cases, 1), z), rng.standard_normal((n, cases, 1)))
        assert found == pytest.approx(closed, rel=0.01)


def test_the_interval_of_known_quantiles():
    samples = np.arange(11.0)[:, None, None] * np.ones((1, 4, 1))  # 10 % is 1, 90 % is 9
    truth = np.array([[1.0], [9.5], [np.nan], [-1.0]])
    assert metrics.coverage(truth, samples, 80) == pytest.approx(1 / 3)
    assert metrics.winkler(truth, samples, 80) == pytest.approx(8 + 10 * (0.5 + 2) / 3)
    assert np.isnan(metrics.coverage(truth, samples[:1])), "a point spans no interval"


def test_coverage_of_the_true_distribution_is_what_it_says():
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((400, 4_000, 1))
    assert metrics.coverage(rng.standard_normal((4_000, 1)), samples, 80) == pytest.approx(
        0.8, abs=0.02
    )


def test_the_direction_is_where_most_paths_end():
    last = np.array([5.0, 5.0, 5.0])
    truth = np.array([[0.0, 0.0, 0.0], [6.0, 5.0, 6.0]])  # only the end counts; no change is up
    up, down, still = [6.0, 6.0, 4.0], [4.0, 4.0, 6.0], [6.0, 4.0, 5.0]
    samples = np.stack([up, down, still], axis=1)[:, None] * np.ones((1, 2, 1))
    assert metrics.direction(truth, samples, last) == 0.5
    assert np.isnan(metrics.direction(truth[:, 2:], samples[:, :, 2:], last[2:]))


def test_a_standard_error_and_its_overlap():
    scores = np.array([1.0, 2.0, 4.0, np.nan])
    assert standard_error(scores) == pytest.approx(np.std([1, 2, 4], ddof=1) / sqrt(3))
    assert np.isnan(standard_error(scores[:1]))
    assert np.isnan(standard_error(np.array([1.0, np.inf])))
    assert (overlapping(30, 30), overlapping(30, 10), overlapping(30, 7)) == (0, 2, 4)


def test_overlapping_scores_are_less_sure():
    rng = np.random.default_rng(2)
    errors, truth = [], []
    for _ in range(200):
        drawn = np.convolve(rng.standard_normal(403), np.ones(4), "valid")
        truth.append(drawn.mean())
        errors.append((standard_error(drawn), standard_error(drawn, 12)))
    alone, together = np.mean(errors, axis=0) / np.std(truth)
    assert alone < 0.6
    assert together == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(  # from tables of Student's t
    ("t", "n", "p"), [(1.812, 11, 0.05), (2.718, 12, 0.01), (0.0, 9, 0.5), (-1.812, 11, 0.95)]
)
def test_better_is_the_t_test_of_the_differences(t, n, p):
    spread = np.random.default_rng(3).standard_normal(n)
    difference = (spread - spread.mean()) / spread.std(ddof=1) + t / sqrt(n)
    assert better(-difference, np.zeros(n)) == pytest.approx(p, abs=2e-4)


def test_better_says_nothing_of_equals():
    assert np.isnan(better(np.ones(5), np.ones(5)))
    assert np.isnan(better(np.ones(1), np.zeros(1)))


def test_the_interval_of_wilson():
    low, high = wilson(0.5, 398)  # the half-width of a direction over 398 days
    assert (high - low) / 2 == pytest.approx(0.049, abs=5e-4)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_pinball_over_levels_is_half_the_crps():
    levels = np.arange(0.005, 1, 0.01)
    samples = np.array([NormalDist().inv_cdf(p) for p in np.arange(0.0005, 1, 0.001)])
    truth = np.array([[0.4]])
    losses = [metrics.pinball(truth, np.array([[np.quantile(samples, p)]]), p) for p in levels]
    assert 2 * np.mean(losses) == pytest.approx(
        metrics.crps(truth, samples[:, None, None]), rel=0.01
    )

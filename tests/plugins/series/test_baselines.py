"""The simple methods: their closed forms, their densities, and that they see no future."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_series.judging import baseline_garch, metrics
from wavegen_series.judging.baseline_garch import Garch, GarchParameters
from wavegen_series.judging.baseline_linear import Linear
from wavegen_series.judging.baseline_seasonal import SeasonalNaive, season_of
from wavegen_series.judging.baseline_walks import Drift, Ewma, Naive
from wavegen_series.judging.baselines import ALWAYS, OPTIONAL, baseline
from wavegen_series.series import Names, Series

from wavegen.errors import ConfigError, DataError

GARCH = GarchParameters(2e-4, 1e-5, 0.1, 0.85, 6.0, 2e-4, logs=True)


def series_of(*columns, name="a"):
    values = np.stack([np.asarray(column, float) for column in columns], axis=1)
    names = Names(tuple(f"y{i}" for i in range(len(columns))))
    return Series(name, np.arange(len(values)), values, names=names)


def walk(n, seed=0, gaps=0.0, level=100.0):
    rng = np.random.default_rng(seed)
    x = level + np.cumsum(rng.standard_normal(n))
    x[1 : n - 1][rng.random(n - 2) < gaps] = np.nan
    return x


@pytest.fixture(params=[*ALWAYS, "garch"])
def method(request, monkeypatch):
    """Each of them; GARCH with parameters that are given, as its package is optional."""
    monkeypatch.setattr(baseline_garch, "learn", lambda channel: GARCH)
    return baseline(request.param)


def forecast(method, series, horizon=5, n_samples=100, seed=3):
    method.fit([series])
    (found,) = method.forecast([series], horizon, n_samples, seed)
    return found


def test_paths_are_of_the_shape_and_follow_the_times(method):
    found = forecast(method, series_of(walk(80), walk(80, 1)))
    assert found.samples.shape == (100, 5, 2)
    assert np.isfinite(found.samples).all()
    assert (found.time == np.arange(80, 85)).all()
    (point,) = method.forecast([found.context], 5, 1, 3)
    assert np.isfinite(point.samples).all()


def test_paths_are_a_function_of_seed_and_series_alone(method):
    one, other = series_of(walk(80)), series_of(walk(90, 1), name="b")
    method.fit([one, other])
    alone = method.forecast([one], 4, 50, 7)[0].samples
    beside = method.forecast([other, one], 4, 50, 7)[1].samples
    again = method.forecast([one], 4, 50, 8)[0].samples
    assert (alone == beside).all()
    assert (alone != again).any()


@settings(max_examples=8)
@given(first=st.integers(60, 90), seed=st.integers(0, 99), gaps=st.sampled_from([0, 0.3]))
def test_densities_see_no_later_row(first, seed, gaps):
    past, whole = walk(100, seed, gaps)[:first], walk(100, seed, gaps)
    other = np.concatenate([past, walk(100 - first, seed + 1, level=50.0)])
    for each in (Naive(), SeasonalNaive(), Drift(), Linear(), Ewma(), _garch()):
        each.fit([series_of(past)])
        for cut in range(first, first + 3):
            mixed = np.concatenate([whole[:cut], other[cut:]])
            found = each.log_density(series_of(mixed), first - 10)
            known = each.log_density(series_of(whole), first - 10)
            assert found is not None
            assert known is not None
            np.testing.assert_array_equal(found[: cut - first + 10], known[: cut - first + 10])
            assert (np.isnan(found) == np.isnan(mixed[first - 10 :])[:, None]).all()


def _garch():
    method = Garch()
    method._learnt = {("a", 0): GARCH}
    method.fit = lambda series: None
    return method


def test_a_density_is_that_of_the_paths(method):
    """The share of paths below a value is the integral of exp(log density) up to there."""
    x = walk(120, 5)
    method.fit([series_of(x)])
    drawn = np.sort(method.forecast([series_of(x)], 1, 40_000, 0)[0].samples[:, 0, 0])
    grid = np.linspace(drawn[0] - 1, drawn[-1] + 1, 400)
    density = [method.log_density(series_of([*x, value]), len(x))[0, 0] for value in grid]
    below = np.concatenate(
        [[0], np.cumsum((np.exp(density[1:]) + np.exp(density[:-1])) / 2 * np.diff(grid))]
    )
    assert below[-1] == pytest.approx(1, abs=2e-3)
    share = np.searchsorted(drawn, grid) / len(drawn)
    # The linear row draws what it missed by and scores by a normal: as alike as 100 errors are.
    assert np.abs(share - below).max() < (0.12 if method.name == "linear" else 0.012)


def test_errors_of_drawing_are_not_those_of_the_neighbour(method):
    x = walk(80)
    twins = series_of(x, x)
    others = [replace(twins, name="b"), replace(twins, time=twins.time + 1)]
    method.fit([twins, *others])
    first, *rest = [each.samples for each in method.forecast([twins, *others], 4, 50, 7)]
    drawn = [first[:, :, 0], first[:, :, 1], *(each[:, :, 0] for each in rest)]
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert (one != other).any()


def test_the_mean_of_naive_paths_is_the_last_value_itself():
    x = [*walk(50), np.nan, np.nan]
    found = forecast(Naive(), series_of(x), horizon=3)
    np.testing.assert_allclose(found.mean, x[49], rtol=1e-12)
    np.testing.assert_allclose(found.quantile(0.5), x[49], rtol=1e-12)


def test_the_spread_of_a_walk_grows_with_the_root_of_time_and_over_gaps():
    steps = np.array([1.0, -1.0] * 30)
    x = 10 + np.concatenate([[0], np.cumsum(steps)])
    spread = forecast(Naive(), series_of(x), 4, 20_000).samples.std(axis=0)[:, 0]
    np.testing.assert_allclose(spread, np.sqrt([1, 2, 3, 4]), rtol=0.02)
    late = forecast(Naive(), series_of([*x, np.nan, np.nan]), 1, 20_000).samples.std()
    assert late == pytest.approx(np.sqrt(3), rel=0.02)


def test_drift_goes_on_by_the_mean_step_and_knows_how_unsure_that_is():
    x = walk(41)
    found = forecast(Drift(), series_of(x), 20, 20_000)
    slope = (x[-1] - x[0]) / 40
    np.testing.assert_allclose(found.mean[:, 0], x[-1] + slope * np.arange(1, 21), rtol=1e-9)
    ratio = found.samples[:, 19].std() / found.samples[:, 0].std()
    assert ratio == pytest.approx(np.sqrt(20 * (1 + 20 / 40) / (1 + 1 / 40)), rel=0.03)


def test_seasonal_naive_repeats_the_last_season():
    season = np.array([1.0, 5.0, 2.0, 8.0])
    found = forecast(SeasonalNaive(4), series_of(np.tile(season, 6)), 6)
    np.testing.assert_allclose(found.mean[:, 0], [1, 5, 2, 8, 1, 5], atol=1e-5)
    gap = [*np.tile(season, 6), 1.0, np.nan, 2.0]
    assert forecast(SeasonalNaive(4), series_of(gap), 3).mean[2, 0] == pytest.approx(5)


def test_a_season_that_only_comes_later_is_not_known_before():
    quiet, loud = walk(60), 9 * np.sin(np.arange(200) * 2 * np.pi / 8)
    assert season_of(np.concatenate([quiet, loud])) == 8
    whole = SeasonalNaive().log_density(series_of([*quiet, *loud]), 60)
    past = Naive().log_density(series_of([*quiet, *loud]), 60)
    np.testing.assert_array_equal(whole, past)


@pytest.mark.parametrize("period", [7, 12, 24])
def test_a_season_is_found_where_there_is_one(period):
    t = np.arange(20 * period)
    noise = 0.1 * np.random.default_rng(period).standard_normal(len(t))
    assert season_of(np.sin(2 * np.pi * t / period) + 0.01 * t + noise) == period


def test_a_random_walk_has_no_season():
    assert {season_of(walk(n, seed)) for n in (12, 100, 1000) for seed in range(10)} == {1}
    assert season_of(np.ones(100)) == 1
    assert season_of(0.1 * np.arange(100)) == 1
    assert season_of(np.full(50, np.nan)) == 1


def test_linear_finds_a_linear_recurrence():
    t = np.arange(400)
    x = 3 + 0.99**t * np.cos(t / 3)
    method = Linear()
    method.fit([series_of(x[:300])])
    (found,) = method.forecast([series_of(x[:300])], 20, 1, 0)
    np.testing.assert_allclose(found.mean[:, 0], x[300:320], atol=1e-6)


def test_short_series_share_their_weights():
    """Geron's two sines, 50 steps to 10: his linear row, solved (naive has 0.26, linear 0.0155)."""
    rng = np.random.default_rng(0)
    f1, f2, o1, o2 = rng.random((4, 6_000, 1))
    time = np.linspace(0, 1, 60)
    x = 0.5 * np.sin((time - o1) * (f1 * 10 + 10)) + 0.2 * np.sin((time - o2) * (f2 * 20 + 20))
    x += 0.1 * (rng.random(x.shape) - 0.5)
    method = Linear(lags=50)
    method.fit([series_of(row, name=f"{i}") for i, row in enumerate(x[:5_500])])
    contexts = [series_of(row[:50], name=f"new {i}") for i, row in enumerate(x[5_500:])]
    point = np.stack([each.mean[:, 0] for each in method.forecast(contexts, 10, 1, 0)])
    assert metrics.mse(x[5_500:, 50:], point) == pytest.approx(0.0156, abs=0.0015)


def test_ewma_weighs_by_powers_of_its_factor():
    x = np.exp(np.cumsum([0.0, 0.1, -0.2, 0.3]))
    variance = (0.01 * 0.94**2 + 0.04 * 0.94 + 0.09) / (0.94**2 + 0.94 + 1)
    r = 0.05
    found = Ewma().log_density(series_of([*x, x[-1] * np.exp(r)]), 4)
    by_hand = -0.5 * r * r / variance - 0.5 * np.log(2 * np.pi * variance) - np.log(x[-1]) - r
    assert found is not None
    assert found[0, 0] == pytest.approx(by_hand, rel=1e-9)


def test_ewma_of_values_that_change_their_sign():
    x = np.array([1.0, 2.0, 1.5, -1.0, 2.0, 3.0])
    found = Ewma().log_density(series_of(x), 3)
    assert found is not None
    assert found[0, 0] == -np.inf
    assert np.isfinite(found[1:]).all()
    assert (forecast(Ewma(), series_of(x)).samples < 0).any()
    assert (forecast(Ewma(), series_of(np.abs(x)), 50).samples > 0).all()


@pytest.mark.parametrize("values", [[5.0] * 30, [0.0] * 30, [7.0], [2.0, 3.0]])
def test_series_with_nothing_to_learn_from_give_finite_paths(values):
    for each in (Naive(), SeasonalNaive(), Drift(), Ewma(), SeasonalNaive(4)):
        found = each.forecast(
            [replace(series_of(values), time=np.arange(len(values) + 3))], 3, 9, 0
        )
        assert np.isfinite(found[0].samples).all()
        density = each.log_density(series_of([*values, values[-1]]), len(values))
        assert density is not None
        assert not np.isinf(density).any()


def test_a_channel_without_values_is_refused(method):
    empty = series_of(np.full(90, np.nan))
    with pytest.raises(DataError, match="'a': y0 has no value to go on from"):
        method.forecast([empty], 3, 9, 0)


def test_what_was_not_learnt_is_told():
    with pytest.raises(ConfigError, match="call fit first"):
        Linear().forecast([series_of(walk(30))], 3, 9, 0)
    with pytest.raises(ConfigError, match="has not learnt series 'a'"):
        Garch().forecast([series_of(walk(30))], 3, 9, 0)
    with pytest.raises(ConfigError, match="lags is 0"):
        Linear(0)
    with pytest.raises(ConfigError, match="no row 'arima'; there are naive"):
        baseline("arima")
    short = Linear()
    short.fit([series_of(walk(5))])
    with pytest.raises(DataError, match="longest has 5 steps: take a shorter horizon"):
        short.forecast([series_of(walk(5))], 5, 1, 0)


def test_garch_is_a_recursion_of_the_news():
    change = np.array([0.01, -0.03, 0.02])
    variance = GARCH.start
    for i, r in enumerate(change):
        assert baseline_garch.variances(change, GARCH)[i] == pytest.approx(variance)
        variance = GARCH.level + GARCH.news * (r - GARCH.mean) ** 2 + GARCH.memory * variance
    assert baseline_garch.variances(change, GARCH)[3] == pytest.approx(variance)


def test_the_volatility_of_garch_paths_goes_back_to_its_mean():
    x = np.exp([0.0, 0.01, -0.02, 0.08])  # a shock at the end
    usual = GARCH.level / (1 - GARCH.news - GARCH.memory)
    first = baseline_garch.variances(np.diff(np.log(x)), GARCH)[-1]
    horizon = 30
    paths = _garch().forecast([series_of(x)], horizon, 20_000, 0)[0].samples[:, :, 0]
    found = np.diff(np.log(paths), axis=1, prepend=np.log(x[-1])).var(axis=0)
    expected = usual + (GARCH.news + GARCH.memory) ** np.arange(horizon) * (first - usual)
    assert first > 2 * usual
    np.testing.assert_allclose(found, expected, rtol=0.15)


def test_garch_has_no_density_of_a_price_below_zero():
    found = _garch().log_density(series_of([1.0, 2.0, 1.5, -1.0, 2.0]), 1)
    assert found is not None
    assert np.isfinite(found[:2]).all()
    assert (found[2:] == -np.inf).all()
    with pytest.raises(DataError, match="no longer is; learn anew"):
        _garch().forecast([series_of([1.0, -1.0])], 1, 1, 0)


def test_garch_by_its_package_finds_the_parameters():
    pytest.importorskip("arch")
    rng = np.random.default_rng(4)
    variance, r = 1e-4, []
    for e in rng.standard_t(6, 6_000) * np.sqrt(4 / 6):
        r.append(np.sqrt(variance) * e)
        variance = 5e-6 + 0.1 * r[-1] ** 2 + 0.85 * variance
    found = baseline_garch.learn(baseline_garch.Channel("a", 0, np.exp(np.cumsum(r))))
    assert found.news == pytest.approx(0.1, abs=0.04)
    assert found.memory == pytest.approx(0.85, abs=0.06)
    assert found.freedom == pytest.approx(6, abs=2)


@pytest.mark.filterwarnings("ignore")  # of Prophet's own code, about newer pandas
def test_prophet_is_given_the_times_of_the_horizon():
    pytest.importorskip("prophet")
    days = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]").astype("datetime64[ns]")
    x = 0.1 * np.arange(340) + np.tile([0.0, 0, 0, 0, 0, 9, 9], 60)[:340]
    given_days = replace(series_of(x), time=days[:347])
    (found,) = baseline("prophet").forecast([given_days], 7, 50, 0)
    np.testing.assert_allclose(
        found.mean[:, 0],
        0.1 * np.arange(340, 347) + np.tile([0.0, 0, 0, 0, 0, 9, 9], 60)[340:347],
        atol=1,
    )


def test_rows_that_need_a_package_say_which(monkeypatch):
    for name in OPTIONAL:
        monkeypatch.setitem(__import__("sys").modules, {"garch": "arch"}.get(name, name), None)
        with pytest.raises(ConfigError, match="pip install"):
            forecast(baseline(name), series_of(walk(80)))

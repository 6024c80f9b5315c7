"""Back-tests: where they stand, what they let methods see, and the report of them."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_series.forecast import Forecast
from wavegen_series.judging import baseline_garch
from wavegen_series.judging.backtest import backtest
from wavegen_series.judging.backtest_columns import backtest_columns
from wavegen_series.judging.baseline_garch import GarchParameters
from wavegen_series.judging.baselines import ALWAYS, baseline
from wavegen_series.judging.measures import measure
from wavegen_series.judging.origins import (
    MODES,
    Origin,
    Plan,
    fixed_origin,
    rolling_origin,
    rolling_window,
)
from wavegen_series.judging.report import report
from wavegen_series.method import Method
from wavegen_series.series import Names, Series

from wavegen.errors import ConfigError, DataError

LENGTH = 120


def a_series(name="a", seed=0, n=LENGTH, ahead=0):
    rng = np.random.default_rng(seed)
    return Series(
        name,
        np.arange(n + ahead) * 2,
        50 + np.cumsum(rng.standard_normal((n, 1)), axis=0),
        known=rng.standard_normal((n + ahead, 1)),
        past=rng.standard_normal((n, 1)),
        names=Names(known=("k",), past=("p",)),
    )


class Spy(Method):
    """Remembers all that it is shown, and forecasts the sum of it."""

    name = "spy"

    def __init__(self):
        self.fits, self.contexts, self.scored = [], [], []

    def fit(self, series):
        self.fits.append([*series])

    def forecast(self, contexts, horizon, n_samples, seed):
        self.contexts.append([*contexts])
        return [
            Forecast(
                each,
                each.time[len(each) :],
                np.full((n_samples, horizon, 1), each.values.sum()) + self.fits[-1][0].values.sum(),
            )
            for each in contexts
        ]

    def log_density(self, series, first):
        self.scored.append((len(series), first))
        return -series.values[first:]


def test_the_origins():
    assert fixed_origin(100, 30) == [Origin(0, 70, 100)]
    assert rolling_origin(100, 30, 10, 3) == [
        Origin(0, 50, 80), Origin(0, 60, 90), Origin(0, 70, 100)
    ]  # fmt: skip
    assert rolling_window(100, 30, 10, 2, 25) == [Origin(35, 60, 90), Origin(45, 70, 100)]


@given(
    st.sampled_from(MODES),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(1, 12),
    st.sampled_from(["never", "each", "every:2"]),
)
def test_what_is_known_ends_where_the_forecast_begins(mode, horizon, n, stride, refit):
    n = 1 if mode == "fixed-origin" else n
    plan = Plan(mode, horizon, n, stride, 15 if mode == "rolling-window" else None, refit)
    series = a_series()
    origins = plan.of(series)
    assert len(origins) == n
    assert origins[-1].end == LENGTH
    assert {b.at - a.at for a, b in pairwise(origins)} <= {stride}
    assert [k for group in plan.groups() for k in group] == [*range(n)]
    for each in origins:
        known = each.context(series)
        assert len(known) == (15 if mode == "rolling-window" else each.at)
        assert (known.values == series.values[each.start : each.at]).all()
        assert (known.past == series.past[each.start : each.at]).all()
        assert (known.time == series.time[each.start : each.end]).all()
        assert (known.known == series.known[each.start : each.end]).all()


@pytest.mark.parametrize(("refit", "fits"), [("never", 1), ("each", 5), ("every:2", 3)])
@pytest.mark.parametrize("mode", ["rolling-origin", "rolling-window"])
def test_methods_learn_when_they_should_and_from_the_past_alone(mode, refit, fits):
    spy, series = Spy(), [a_series(), a_series("b", 1, LENGTH + 9)]
    plan = Plan(mode, 4, 5, width=40 if mode == "rolling-window" else None, refit=refit)
    result = backtest([spy], series, plan)
    assert len(spy.fits) == len(spy.contexts) == fits
    origins = [plan.of(each) for each in series]
    for group, fitted in zip(plan.groups(), spy.fits, strict=True):
        for each, where, whole in zip(fitted, origins, series, strict=True):
            first = where[group[0]]
            assert len(each.time) == len(each) == first.at - first.start
            assert (each.values == whole.values[first.start : first.at]).all()
    for case in result.cases["spy"]:
        whole = series[0 if case.series == "a" else 1]
        assert (case.truth == whole.values[case.origin.at : case.origin.end]).all()
        assert case.log_density is not None
        assert (case.log_density == -case.truth).all()
    assert [case.number for case in result.cases["spy"]] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert result.series == ("a", "b")


def test_all_origins_between_two_fits_are_one_call_and_one_pass():
    spy = Spy()
    backtest([spy], [a_series(), a_series("b", 1)], Plan(horizon=4, n_origins=6))
    assert [len(contexts) for contexts in spy.contexts] == [12]
    assert spy.scored == [(LENGTH, LENGTH - 24)] * 2


@settings(max_examples=8)
@given(
    mode=st.sampled_from(MODES),
    refit=st.sampled_from(["never", "each", "every:2"]),
    seed=st.integers(0, 99),
    stride=st.integers(1, 8),
)
def test_changing_what_comes_after_an_origin_changes_no_forecast_there(mode, refit, seed, stride):
    garch = GarchParameters(0.0, 1e-5, 0.1, 0.85, 6.0, 1e-4, logs=True)
    n = 1 if mode == "fixed-origin" else 3
    plan = Plan(mode, 5, n, stride, 60 if mode == "rolling-window" else None, refit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            baseline_garch,
            "learn",
            lambda channel: garch._replace(start=float(np.var(np.diff(np.log(channel.values))))),
        )
        rows = (*ALWAYS, "garch")
        whole = a_series(seed=seed)
        result = backtest([baseline(name) for name in rows], [whole], plan, 9, seed)
        for k, origin in enumerate(plan.of(whole)):
            values, past = whole.values.copy(), whole.past.copy()
            values[origin.at :] = 99 - values[origin.at :] / 2
            past[origin.at :] = 7
            changed = backtest(
                [baseline(name) for name in rows],
                [replace(whole, values=values, past=past)],
                plan,
                9,
                seed,
            )
            for name in rows:
                here, there = result.cases[name][k], changed.cases[name][k]
                np.testing.assert_array_equal(here.forecast.samples, there.forecast.samples)
                assert (here.truth != there.truth).any()


@pytest.fixture(scope="module")
def result():
    series = [a_series(), a_series("b", 1)]
    return backtest([baseline(name) for name in ALWAYS], series, Plan(horizon=5, n_origins=4), 50)


def test_a_report_has_every_row_and_every_column(result):
    names = ("mae", "rmsse", "coverage:90", "winkler:80", "pinball:10", "nll", "direction")
    found = report(result, names)
    assert [row.method for row in found.rows] == [*ALWAYS]
    text = found.text()
    assert text.startswith("all 2 series: rolling-origin, 4 x 5 steps, 5 apart, refit never\n")
    for word in (*ALWAYS, *names, "skill", "p"):
        assert word in text
    naive = found.rows[0]
    assert naive.skill == 0
    assert np.isnan(naive.p)
    assert np.isnan(naive.cells["direction"].value)
    assert json.loads(json.dumps(found.json()))["ewma"]["mae"]["value"] > 0


@pytest.mark.parametrize("missing", ALWAYS)
def test_no_report_without_each_simple_row(result, missing):
    less = replace(result, cases={k: v for k, v in result.cases.items() if k != missing})
    with pytest.raises(ConfigError, match=f"no report without the rows {missing}: back-test"):
        report(less)
    with pytest.raises(ConfigError, match="no report without the rows"):
        report(replace(result, cases={**result.cases, missing: []}))


def test_cells_are_means_over_origins_of_means_over_series(result):
    cases = result.cases["drift"]
    scores = np.array([measure("mae")(case, 1) for case in cases]).reshape(4, 2).mean(axis=1)
    (cell,) = (row.cells["mae"] for row in report(result, ["mae"]).rows if row.method == "drift")
    assert cell.value == pytest.approx(scores.mean())
    assert cell.error == pytest.approx(scores.std(ddof=1) / 2)
    crps = {
        (name, series): np.mean(
            [measure("crps")(case, 1) for case in result.cases[name] if case.series == series]
        )
        for name in ("naive", "drift")
        for series in "ab"
    }
    (skill,) = (row.skill for row in report(result).rows if row.method == "drift")
    expected = 1 - np.mean([crps["drift", each] / crps["naive", each] for each in "ab"])
    assert skill == pytest.approx(expected)


def test_of_a_single_origin_the_series_tell_how_sure_a_score_is():
    series = [a_series(name, i) for i, name in enumerate("abc")]
    methods = [baseline(name) for name in ALWAYS]
    result = backtest(methods, series, Plan("fixed-origin", 5, 1), 50)
    scores = [measure("mae")(case, 1) for case in result.cases["drift"]]
    (row,) = (row for row in report(result, ["mae"]).rows if row.method == "drift")
    assert row.cells["mae"].value == pytest.approx(np.mean(scores))
    assert row.cells["mae"].error == pytest.approx(np.std(scores, ddof=1) / 3**0.5)
    assert 0 < row.p < 1


def test_one_series_of_a_result_is_its_own_report(result):
    alone = backtest([baseline(name) for name in ALWAYS], [a_series("b", 1)], result.plan, 50)
    rows = zip(report(result.of("b")).rows, report(alone).rows, strict=True)
    for here, there in rows:  # the linear row shares its weights among short series
        assert here.cells == there.cells or here.method == "linear"


def test_only_what_is_chosen_is_scored(result):
    where = {name: np.zeros(LENGTH, bool) for name in "ab"}
    where["a"][LENGTH - 1] = True
    part = result.only(where)
    truth = a_series().values[-1, 0]
    (cell,) = (row.cells["mae"] for row in report(part, ["mae"]).rows if row.method == "naive")
    assert cell.value == pytest.approx(abs(truth - a_series().values[-6, 0]))
    nothing = report(result.only({name: np.zeros(LENGTH, bool) for name in "ab"}), ["mae", "nll"])
    assert all(np.isnan(cell.value) for row in nothing.rows for cell in row.cells.values())
    assert "-" in nothing.text()


def test_the_table_of_all_forecasts(result):
    columns = backtest_columns(result, (0.05, 0.5))
    assert [*columns] == ["method", "unique_id", "ds", "cutoff", "mean", "q5", "q50", "y"]
    assert {len(column) for column in columns.values()} == {5 * 2 * 4 * 5}
    naive = (columns["method"] == "naive") & (columns["unique_id"] == "a")
    assert (columns["ds"][naive] == 2 * np.arange(LENGTH - 20, LENGTH)).all()
    assert (columns["y"][naive] == a_series().values[-20:, 0]).all()
    assert (columns["cutoff"][naive][:5] == 2 * (LENGTH - 21)).all()
    np.testing.assert_allclose(columns["q50"][naive][:5], a_series().values[-21, 0])


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"mode": "random"}, "mode is 'random'; choose from fixed-origin, rolling-origin"),
        ({"horizon": 0}, "horizon is 0; it must be 1 or more"),
        ({"n_origins": 0}, "origins is 0; it must be 1 or more"),
        ({"stride": -1}, "stride is -1; it must be 1 or more"),
        ({"mode": "fixed-origin"}, "a fixed origin is one, not 12; set origins to 1"),
        ({"mode": "rolling-window"}, "mode rolling-window, which needs one"),
        ({"width": 9}, "mode rolling-window, which needs one"),
        ({"mode": "rolling-window", "width": 2}, "width is 2; 3 or more steps must be known"),
        ({"refit": "every:0"}, "refit is 'every:0'; give never, each, or every:3"),
    ],
)
def test_plans_that_cannot_be(setting, told):
    with pytest.raises(ConfigError, match=told):
        Plan(**{"horizon": 1, **setting})


def test_what_cannot_be_tested_is_told():
    plan = Plan(horizon=30)
    with pytest.raises(DataError, match=r"'a' has 120 steps; 12 origins, 30 apart.* need 392"):
        backtest([Spy()], [a_series()], plan)
    with pytest.raises(ConfigError, match="two rows are called 'spy'"):
        backtest([Spy(), Spy()], [a_series()], plan)
    with pytest.raises(ConfigError, match="two series are called 'a'"):
        backtest([Spy()], [a_series(), a_series()], plan)
    with pytest.raises(ConfigError, match="samples is 0"):
        backtest([Spy()], [a_series()], plan, n_samples=0)


@pytest.mark.parametrize("name", ["mea", "mae:80", "coverage", "coverage:0", "pinball:1e9", ""])
def test_metrics_that_there_are_not(name):
    with pytest.raises(ConfigError, match=r"no metric|needs a percentage"):
        measure(name)

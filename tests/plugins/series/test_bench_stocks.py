"""The bench of prices: what its models may learn from, and what it shows."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from wavegen_series.commands.bench import bench
from wavegen_series.experiments import stocks as bench_stocks
from wavegen_series.judging.baseline_walks import Naive
from wavegen_series.judging.baselines import ALWAYS
from wavegen_series.judging.origins import Plan
from wavegen_series.series import Names, Series

from wavegen.errors import ConfigError

FIRST_DAYS = {"msft": "2001-01-01", "late": "2001-03-01"}
"""Of two spans of time that overlap."""


class StoppedError(Exception):
    pass


def made(name: str, columns: tuple[str]) -> list[Series]:
    first = np.datetime64(FIRST_DAYS[name])
    time = np.arange(first, first + 300).astype("M8[ns]")
    walk = np.random.default_rng(len(columns[0])).standard_normal((300, 1)).cumsum(axis=0)
    return [Series(name, time, 100 + walk, names=Names(tuple(columns)))]


@pytest.fixture(autouse=True)
def two_made_series(monkeypatch):
    monkeypatch.setattr(bench_stocks, "load", made)
    monkeypatch.setattr(bench_stocks, "SERIES", tuple(FIRST_DAYS))
    monkeypatch.setattr(bench_stocks, "PLAN", Plan(horizon=10, n_origins=3))


def test_the_model_learns_nothing_of_the_days_that_any_series_is_to_forecast(monkeypatch, tmp_path):
    def stop(domain, sources, run, **_):
        raise StoppedError(sources[0])

    monkeypatch.setattr(bench_stocks, "train", stop)
    with pytest.raises(StoppedError) as stopped:
        bench_stocks.stocks(["wavegen"], 0, "book", tmp_path / "run", print)
    with open(str(stopped.value), newline="") as file:
        days = [(row["unique_id"], row["ds"]) for row in csv.DictReader(file)]
    last = "2001-09-27"  # 270 steps of the early one come before its first origin
    for name in FIRST_DAYS:
        assert max(day for each, day in days if each == name) == last


def test_the_simple_rows_are_always_there(tmp_path):
    assert set(ALWAYS) < set(bench_stocks.usual()) <= set(bench_stocks.ROWS)
    found = bench_stocks.stocks(["naive"], 0, "book", tmp_path, lambda line: None)
    names = {"prices": ("msft", "late"), "volumes": ("msft volume", "late volume")}
    for kind, reports in found.reports.items():
        one, other = names[kind]
        assert [report.series for report in reports] == [(one,), (other,), (one, other)]
        for report in found.to_dict()["reports"][kind].values():
            assert list(report) == list(ALWAYS)
    assert found.results["prices"].cases != found.results["volumes"].cases
    assert str(found).count("ewma") == 6


def test_each_kind_has_a_model_of_its_own_and_a_picture_of_it(monkeypatch, tmp_path):
    learnt, scalers = {}, list[str]()

    def remember(series, model, updates, seed, folder):
        learnt[folder] = {each.values.tobytes() for each in series}
        scalers.append(model["scaler"])
        method = Naive()
        method.name = "wavegen"
        return method

    drawn = {}
    monkeypatch.setattr(bench_stocks, "_trained", remember)
    monkeypatch.setattr(
        bench_stocks,
        "draw_strips",
        lambda series, forecasts, file: drawn.update({file: (series.name, len(forecasts))}),
    )
    arguments = ["stocks", "--rows", "wavegen", "--plots", str(tmp_path), "--json"]
    found = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    (table,) = json.loads(found.stdout)["tables"]
    assert list(table["reports"]) == ["prices", "volumes"]
    assert len(learnt) == 2
    assert scalers == ["difference", "standard"]
    assert not set.intersection(*learnt.values())
    assert drawn == {
        tmp_path / "msft_prices.png": ("msft", 3),
        tmp_path / "msft_volumes.png": ("msft volume", 3),
    }


def test_a_day_without_a_volume_was_not_written_down(monkeypatch, tmp_path):
    def with_zero(name, columns):
        (series,) = made(name, columns)
        series.values[40] = 0 if columns == ["volume"] else 3
        return [series]

    monkeypatch.setattr(bench_stocks, "load", with_zero)
    found = bench_stocks.stocks(["naive"], 0, "book", tmp_path, lambda line: None)
    prices, volumes = (each[0].values[:, 0] for each in found.series.values())
    assert np.flatnonzero(np.isnan(volumes)).tolist() == [40]
    assert prices[40] == 3


def test_other_experiments_draw_nothing(tmp_path):
    with pytest.raises(ConfigError, match="--plots is for stocks"):
        CliRunner().invoke(bench, ["djia", "--plots", str(tmp_path)], catch_exceptions=False)

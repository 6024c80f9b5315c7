"""The bench of prices: what its model may learn from, and which rows its tables have."""

import csv

import numpy as np
import pytest
from wavegen_series.experiments import stocks as bench_stocks
from wavegen_series.judging.baselines import ALWAYS
from wavegen_series.judging.origins import Plan
from wavegen_series.series import Series


class StoppedError(Exception):
    pass


def prices(name: str) -> list[Series]:
    """Of two spans of time that overlap."""
    first = {"early": "2001-01-01", "late": "2001-03-01"}[name]
    time = np.arange(np.datetime64(first), np.datetime64(first) + 300).astype("M8[ns]")
    values = 100 + np.random.default_rng(0).standard_normal((300, 1)).cumsum(axis=0)
    return [Series(name, time, values)]


def test_the_model_learns_nothing_of_the_days_that_any_series_is_to_forecast(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_stocks, "load", prices)
    monkeypatch.setattr(bench_stocks, "SERIES", ("early", "late"))
    monkeypatch.setattr(bench_stocks, "PLAN", Plan(horizon=10, n_origins=3))

    def stop(domain, sources, run, **_):
        raise StoppedError(sources[0])

    monkeypatch.setattr(bench_stocks, "train", stop)
    with pytest.raises(StoppedError) as stopped:
        bench_stocks.stocks(["wavegen"], 0, "book", tmp_path / "run", print)
    with open(str(stopped.value), newline="") as file:
        days = [(row["unique_id"], row["ds"]) for row in csv.DictReader(file)]
    last = "2001-09-27"  # 270 steps of the early one come before its first origin
    for name in ("early", "late"):
        assert max(day for each, day in days if each == name) == last


def test_the_simple_rows_are_always_there(monkeypatch, tmp_path):
    assert set(ALWAYS) < set(bench_stocks.usual()) <= set(bench_stocks.ROWS)
    monkeypatch.setattr(bench_stocks, "load", prices)
    monkeypatch.setattr(bench_stocks, "SERIES", ("early", "late"))
    monkeypatch.setattr(bench_stocks, "PLAN", Plan(horizon=5, n_origins=2))
    found = bench_stocks.stocks(["naive"], 0, "book", tmp_path, lambda line: None)
    assert [report.series for report in found.reports] == [("early",), ("late",), ("early", "late")]
    for report in found.to_dict()["reports"].values():
        assert list(report) == list(ALWAYS)
    assert str(found).count("ewma") == 3

"""`wavegen series backtest` as it is typed, with and without runs."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from wavegen_series.commands.backtest import backtest
from wavegen_series.config import SeriesConfig
from wavegen_series.forecasting.forecaster import Forecaster
from wavegen_series.judging.baseline_walks import Naive
from wavegen_series.judging.baselines import ALWAYS
from wavegen_series.pictures import fan as plots_fan
from wavegen_series.tables.given import series_given

from wavegen.errors import ConfigError, DataError

N = 90


class Stand(Naive):
    """Stands in for a run."""

    def __init__(self, name="run", **settings):
        self.name = name
        self.config = SeriesConfig(**settings)

    def read(self, data):
        return series_given(data, self.config.columns)

    def short(self, series):
        return f"{len(series[0])} are few"


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "data.csv"
    rows = [
        f"{name},{t},{50 + 10 * rng.random():.3f},{1 + rng.random():.3f}"
        for name in "ab"
        for t in range(N)
    ]
    file.write_text("\n".join(["unique_id,ds,y,z", *rows]))
    return file


def told(*words):
    found = CliRunner().invoke(backtest, [str(word) for word in words])
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == 0, found.output
    return found


def test_without_a_run_the_simple_methods_are_alone(table, tmp_path):
    out = tmp_path / "all.csv"
    found = told(table, "--horizon", 4, "--origins", 3, "--samples", 20, "-o", out)
    assert [*filter(None, found.stderr.split("\n"))] == [f"{name}: 6 forecasts" for name in ALWAYS]
    titles = [line for line in found.stdout.splitlines() if "rolling-origin" in line]
    assert [line.split(":")[0] for line in titles] == ["a", "b", "all 2 series"]
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == len(ALWAYS) * 2 * 3 * 4
    assert {row["cutoff"] for row in rows} == {"77", "81", "85"}


def test_the_result_for_programs(table):
    found = told(
        table, "--horizon", 4, "--mode", "rolling-window", "--width", 30, "--refit", "every:2",
        "--metrics", "mae,coverage:90", "--target", "z", "--abrupt", 0.5, "--json",
    )  # fmt: skip
    values = json.loads(found.stdout)
    assert values["plan"] == {
        "mode": "rolling-window", "horizon": 4, "n_origins": 12, "stride": 4, "width": 30,
        "refit": "every:2",
    }  # fmt: skip
    assert [*values["scores"]] == [*values["abrupt"]] == ["a", "b", "all"]
    naive = values["scores"]["a"]["naive"]
    assert [*naive] == ["mae", "coverage:90", "skill", "p"]
    assert 0 < naive["mae"]["value"] < 1, "of z, not of y"
    assert naive["mae"] != values["abrupt"]["a"]["naive"]["mae"]


def test_a_run_is_one_more_row_and_draws_the_picture(table, tmp_path, monkeypatch):
    asked, drawn = [], []
    monkeypatch.setattr(plots_fan, "draw_strips", lambda *what: drawn.append(what))
    monkeypatch.setattr(Forecaster, "load", lambda run, **how: asked.append(how) or Stand(run.name))
    found = told(
        tmp_path / "mine", table, "--horizon", 12, "--origins", 2, "--refit", "each",
        "--samples", 9, "--uncertainty", "dropout", "--conformal", "--plot", tmp_path / "s.png",
    )  # fmt: skip
    assert asked == [
        {"engine": "auto", "device": "auto", "uncertainty": "dropout", "conformal": True}
    ]
    assert found.stdout.count("\nmine ") == 3
    for line in (
        "mine: a run does not learn anew",
        "it held out the last 20 %, and origins of 'a' lie before that; take fewer",
        "66 are few",
    ):
        assert line in found.stderr
    for (whole, strips, picture), name in zip(drawn, "ab", strict=True):
        assert whole.name == name
        assert [len(each.context) for each in strips] == [66, 78]
        assert (strips[0].samples != strips[1].samples).any()
        assert picture.name == {"a": "s-1.png", "b": "s-2.png"}[name]


def test_origins_in_what_was_held_out_raise_no_caution(table, tmp_path, monkeypatch):
    few = ("--horizon", 12, "--origins", 2, "--samples", 5)
    monkeypatch.setattr(Forecaster, "load", lambda run, **how: Stand(run.name, test_percent=50.0))
    assert "held out" not in told(tmp_path / "mine", table, *few).stderr
    by_series = SimpleNamespace(load=lambda run, **how: Stand(run.name, split="series"))
    monkeypatch.setattr(Forecaster, "load", by_series.load)
    assert "held out" not in told(tmp_path / "mine", table, *few).stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--horizon", 0], "horizon is 0"),
        (["--horizon", 9], "series 'a' has 90 steps; 12 origins"),
        (["--horizon", 2, "--mode", "fixed-origin", "--origins", 2], "a fixed origin is one"),
        (["--horizon", 2, "--samples", 0], "samples is 0"),
        (["--horizon", 2, "--metrics", "mea"], "no metric 'mea'; there are mae"),
        (["--horizon", 2, "--rows", "arima"], "no row 'arima'; there are naive"),
        (["--horizon", 2, "--target", "q"], "q"),
        (["--horizon", 2, "--abrupt", -1], "threshold is -1"),
        (["--horizon", 2, "--origins", 1, "-o", "no/such/f.csv"], "cannot write there"),
    ],
)
def test_what_cannot_be_is_one_line(table, words, line):
    with pytest.raises((ConfigError, DataError), match=line) as caught:
        told(table, *words)
    assert "\n" not in str(caught.value)


def test_runs_that_do_not_go_together(table, tmp_path, monkeypatch):
    monkeypatch.setattr(Forecaster, "load", lambda run, **how: Stand(run.name, target=(run.name,)))
    with pytest.raises(ConfigError, match="y and z were trained on different columns"):
        told(tmp_path / "y", tmp_path / "z", table, "--horizon", 2)
    with pytest.raises(ConfigError, match="two rows are called 'y'"):
        told(tmp_path / "y", tmp_path / "y", table, "--horizon", 2)
    with pytest.raises(ConfigError, match="a run knows its columns"):
        told(tmp_path / "y", table, "--horizon", 2, "--target", "z")

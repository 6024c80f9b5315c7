"""The commands that forecast: forecast, and series calibrate, impute, anomalies, look."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from wavegen_series.config import SeriesConfig
from wavegen_series.domain import SeriesDomain
from wavegen_series.forecasting.calibration_file import NAME
from wavegen_series.model import ForecasterModel
from wavegen_series.model_config import ForecasterConfig

from wavegen import checkpoint, config
from wavegen.cli import main

TINY = ("stacks=1", "layers=2", "residual_channels=4", "gate_channels=8", "skip_channels=4")


def write_run(run: Path, domain_config: SeriesConfig) -> Path:
    """A run whose model has learnt nothing."""
    domain = SeriesDomain(domain_config)
    settings = ForecasterConfig(backbone_options=TINY)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = domain.head()
        model = ForecasterModel(settings, domain.spec(head))
    offer = {"plugin": "series", "distribution": "wavegen", "version": "0"}
    values: dict[str, Any] = {
        "model": {"name": "forecaster", **offer, "config": config.to_dict(settings)},
        "domain": {"name": "series", **offer, "config": config.to_dict(domain_config)},
        "spec": config.to_dict(model.spec),
        "lead_in": 8,
        "trained": {"steps": 1},
    }
    modules = torch.nn.ModuleDict({"model": model, "head": head})
    checkpoint.write(run, 1, config=values, weights=modules.state_dict(), card="tiny")
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(
        tmp_path_factory.mktemp("runs") / "tiny",
        SeriesConfig(channels=("y",), head="student-t", offset=(10.0,), unit=(3.0,)),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two series of 60 days; one has gaps, and an odd value."""
    path = tmp_path_factory.mktemp("data") / "two.csv"
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["unique_id", "ds", "y"])
        for name in ("a", "b"):
            for t in range(60):
                value: float | str = 10 + float(rng.normal())
                if name == "b":
                    value = "" if t in (20, 21, 40) else 90.0 if t == 50 else value
                rows.writerow([name, str(np.datetime64("2024-01-01") + t), value])
    return path


def wavegen(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


PLAYED = ("--engine", "torch", "--device", "cpu")


def test_forecast_writes_quantiles_and_a_picture(run: Path, data: Path, tmp_path: Path) -> None:
    out, fan = tmp_path / "out.csv", tmp_path / "fan.png"
    words = ("forecast", run, data, "--horizon", 3, "--samples", 9, *PLAYED)
    done = wavegen(*words, "--quantiles", ".25,.5", "-o", out, "--plot", fan, "--mark-reach")
    assert done.exit_code == 0, done.output
    rows = table(out)
    assert list(rows[0]) == ["unique_id", "ds", "mean", "q25", "q50"]
    assert [row["ds"] for row in rows] == ["2024-03-01", "2024-03-02", "2024-03-03"] * 2
    assert fan.read_bytes().startswith(b"\x89PNG")
    shown = wavegen(*words, "--json")
    values = json.loads(shown.stdout)
    assert [each["unique_id"] for each in values["forecasts"]] == ["a", "b"]
    assert values["engine"] == "torch"
    by_hand = values["forecasts"][1]["quantiles"]["0.5"]
    assert [float(row["q50"]) for row in rows[3:]] == pytest.approx([step[0] for step in by_hand])
    text = wavegen(*words).stdout
    assert "2024-03-01" in text
    assert "q90" in text
    assert wavegen(*words, "--seed", 1).stdout != text
    sharp = json.loads(wavegen(*words, "--temperature", 0, "--json").stdout)
    levels = sharp["forecasts"][0]["quantiles"]
    assert levels["0.1"] == levels["0.9"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--horizon", 0], "horizon is 0; it must be 1 or more"),
        (["--horizon", 2, "--samples", 0], "n_samples is 0"),
        (["--horizon", 2, "--quantiles", "1.5"], "the quantile 1.5 is none"),
        (["--horizon", 2, "--quantiles", "a,b"], "quantiles is 'a,b'; give numbers"),
        (["--horizon", 2, "--conformal"], "is not calibrated; run wavegen series calibrate"),
        (["--horizon", 2, "--uncertainty", "x"], "uncertainty is 'x'; it must be paths or dropout"),
        (["--horizon", 2, "--uncertainty", "dropout"], "trained without dropout"),
        (["--horizon", 2, "--future", "f.csv"], "trained without covariates"),
        (["--horizon", 2, "--top-k", 3], "only temperature applies"),
        (["--horizon", 2, "-o", "out.xls"], "tables are written as .csv or .parquet"),
    ],
    ids=lambda words: " ".join(map(str, words)) if isinstance(words, list) else "",
)
def test_what_cannot_be_forecast(
    run: Path,
    data: Path,
    words: list[object],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = wavegen("forecast", run, data, *words, *PLAYED)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_calibration_lies_with_the_run(run: Path, data: Path, tmp_path: Path) -> None:
    words = ("forecast", run, data, "--horizon", 3, "--samples", 40, *PLAYED)
    before = wavegen(*words).stdout
    done = wavegen(
        "series", "calibrate", run, data, "--horizon", 4, "--origins", 9, "--samples", 40, *PLAYED
    )
    assert done.exit_code == 0, done.output
    assert (run / NAME).is_file()
    after = wavegen(*words, "--conformal")
    assert after.exit_code == 0, after.output
    assert after.stdout != before
    assert wavegen(*words).stdout == before
    far = wavegen("forecast", run, data, "--horizon", 5, "--conformal", *PLAYED)
    assert "the calibration reaches 4 steps" in far.stderr
    (run / NAME).unlink()
    short = wavegen("series", "calibrate", run, data, "--horizon", 40, *PLAYED)
    assert short.exit_code == 2
    assert "no series has 80 steps" in short.stderr


def test_impute_leaves_no_gap(run: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "filled.csv"
    for fill in ("median", "path"):
        done = wavegen(
            "series", "impute", run, data, "--fill", fill, "--samples", 5, "-o", out, *PLAYED
        )
        assert done.exit_code == 0, done.output
        assert "3 values filled, each from its past alone" in done.stderr
        for row, known in zip(table(out), table(data), strict=True):
            assert row["y"] != ""
            assert known["y"] in ("", row["y"])
    refused = wavegen("series", "impute", run, data, "-o", tmp_path / "x.png", *PLAYED)
    assert "tables are written as" in refused.stderr


def test_anomalies_find_the_odd_value(run: Path, data: Path, tmp_path: Path) -> None:
    out, plot = tmp_path / "scores.csv", tmp_path / "odd.png"
    words = ("series", "anomalies", run, data, *PLAYED)
    done = wavegen(*words, "-o", out, "--plot", plot, "--json")
    assert done.exit_code == 0, done.output
    assert "not calibrated" in done.stderr
    found = json.loads(done.stdout)
    assert found["values"] == 117
    worst = found["odd"][0]
    assert (worst["unique_id"], worst["ds"], worst["value"]) == ("b", "2024-02-20", 90.0)
    rows = table(out)
    assert [row["nats"] == "" for row in rows] == [row["y"] == "" for row in rows]
    odd = [row for row in rows if row["odd"] == "1.0"]
    assert len(odd) == len(found["odd"])
    assert float(odd[-1]["bits"]) == pytest.approx(float(odd[-1]["nats"]) / np.log(2))
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "quantile is 1" in wavegen(*words, "--quantile", 1).stderr


def test_look_draws(run: Path, data: Path, tmp_path: Path) -> None:
    plot = tmp_path / "look.png"
    for words in (["--run", run, "--residuals"], ["--series", "b"]):
        done = wavegen("series", "look", data, "--plot", plot, *words)
        assert done.exit_code == 0, done.output
        assert plot.read_bytes().startswith(b"\x89PNG")
        plot.unlink()
    lost = wavegen("series", "look", data, "--plot", plot, "--series", "c")
    assert "has no series 'c'; there are a, b" in lost.stderr
    assert "give --run" in wavegen("series", "look", data, "--plot", plot, "--residuals").stderr

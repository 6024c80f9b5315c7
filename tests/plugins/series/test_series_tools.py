"""The commands that list, write, clean and look at series, as a user runs them."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from wavegen_series.commands.abrupt import abrupt
from wavegen_series.commands.data import data
from wavegen_series.commands.denoise import denoise
from wavegen_series.datasets import catalogue as datasets

from wavegen.errors import ConfigError


def run(command, *arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


def column(path, name):
    with path.open(newline="") as file:
        return np.array([float(row[name] or "nan") for row in csv.DictReader(file)])


def test_all_data_sets_are_listed_with_where_they_come_from():
    found = json.loads(run(data, "--json").stdout)["datasets"]
    assert list(found) == list(datasets.DATASETS)
    text = run(data).stdout
    for name, about in found.items():
        assert f"{name:15}{about['summary']}\n" in text
        assert about["from"] == "generated" or about["licence"] in text
    assert text.count("pip install") == sum(bool(each["cure"]) for each in found.values())
    assert run(data, "co2").stdout.startswith("co2 ")


def test_a_data_set_is_written_and_read_back(tmp_path):
    file = tmp_path / "two.csv"
    said = run(data, "geron", "-o", file, "-n", 2, "--steps", 30, "--seed", 9).stdout
    assert said == f"{file}: 2 series, 60 rows\n"
    expected = datasets.generate("geron", 2, 30, 9)
    np.testing.assert_array_equal(column(file, "y"), expected.flatten())
    with pytest.raises(ConfigError, match="which data set"):
        run(data, "-o", file)
    with pytest.raises(ConfigError, match="no data set is called 'gern'"):
        run(data, "gern")


def test_denoising_says_how_much_it_changed_and_keeps_to_the_past(tmp_path):
    noisy, clean = tmp_path / "noisy.csv", tmp_path / "clean.csv"
    run(data, "sine", "-o", noisy, "--steps", 700)
    found = run(denoise, noisy, "-o", clean, "--json")
    (change,) = json.loads(found.stdout)["changes"]
    gone = column(noisy, "y") - column(clean, "y")
    assert change["rmse"] == pytest.approx(np.sqrt(np.mean(gone**2)), rel=1e-6)
    assert found.stderr == ""
    rows = noisy.read_text().splitlines()
    (tmp_path / "short.csv").write_text("\n".join(rows[:601]) + "\n")
    run(denoise, tmp_path / "short.csv", "-o", tmp_path / "early.csv")
    early = column(tmp_path / "early.csv", "y")
    np.testing.assert_array_equal(early, column(clean, "y")[:600])
    whole = run(denoise, noisy, "-o", clean, "--whole-series")
    assert "later values leak into earlier ones" in whole.stderr


def test_short_windows_are_warned_of(tmp_path):
    found = run(denoise, "sine", "-o", tmp_path / "out.csv", "--window", 50)
    assert "the edges of 50 values leave 1 of 3 levels of coif3" in found.stderr


def test_a_moving_average_is_another_way(tmp_path):
    run(data, "ar", "-o", tmp_path / "in.csv", "--steps", 40)
    run(denoise, tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--moving-average", 4)
    x = column(tmp_path / "in.csv", "y")
    assert column(tmp_path / "out.csv", "y")[9] == pytest.approx(x[6:10].mean(), rel=1e-9)
    with pytest.raises(ConfigError, match="never looks ahead"):
        run(denoise, "sine", "-o", tmp_path / "o.csv", "--moving-average", 4, "--whole-series")


def test_abrupt_changes_are_listed(tmp_path):
    file = tmp_path / "prices.csv"
    prices = [100, 101, 102, 80, 81, 82]
    days = [f"2024-01-0{i + 1},{x}" for i, x in enumerate(prices)]
    file.write_text("ds,y\n" + "\n".join(days) + "\n")
    text = run(abrupt, file, "--threshold", 0.1).stdout.splitlines()
    assert text[0] == "2024-01-04  -0.2256"
    assert text[1] == "2024-01-05  +0.2282"
    assert text[2].endswith("2 of 6 steps (50.0%) turn by more than 0.1")
    (row,) = json.loads(run(abrupt, file, "--json").stdout)["series"]
    assert (row["abrupt"], row["times"]) == (2, ["2024-01-04", "2024-01-05"])

"""Tables of series and forecasts, on the disk."""

from pathlib import Path

import numpy as np
import pytest
from wavegen_series.forecast import Forecast
from wavegen_series.series import Series
from wavegen_series.tables.frames import forecast_frame
from wavegen_series.tables.reading import from_array
from wavegen_series.tables.writing import write_forecasts, write_series

from wavegen.errors import ConfigError

DAYS = np.array(["2024-01-30", "2024-01-31", "2024-02-01"], "datetime64[ns]")


def test_series_as_text(tmp_path: Path):
    path = tmp_path / "x.csv"
    write_series(path, [Series("a", DAYS[:2], np.array([[0.1], [np.nan]]))])
    assert path.read_text() == "unique_id,ds,y\na,2024-01-30,0.1\na,2024-01-31,\n"
    write_series(path, [Series("a", DAYS[:2] + np.timedelta64(90, "s"), np.ones((2, 1)))])
    assert path.read_text().splitlines()[1] == "a,2024-01-30T00:01:30,1.0"


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_forecasts_are_what_the_frame_says(tmp_path: Path, ending: str):
    pandas = pytest.importorskip("pandas")
    samples = np.random.default_rng(0).normal(size=(9, 1, 1))
    forecast = Forecast(Series("a", DAYS[:2], np.ones((2, 1))), DAYS[2:], samples)
    path = tmp_path / f"x{ending}"
    write_forecasts(path, [forecast])
    if ending == ".csv":
        again = pandas.read_csv(path, parse_dates=["ds"])
    else:
        again = pandas.read_parquet(path)
    pandas.testing.assert_frame_equal(again, forecast_frame([forecast]), check_dtype=False)


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(ConfigError, match=r"written as \.csv or \.parquet"):
        write_series(tmp_path / "x.xlsx", [from_array([1.0, 2.0])])
    monkeypatch.setattr("os.fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_series(path, [from_array([1.0, 2.0])])
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]
    assert path.read_text() == "old"

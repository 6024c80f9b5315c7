"""The border to pandas."""

import io

import numpy as np
import pytest
from any_series import families, same
from hypothesis import given, settings
from wavegen_series.forecast import Forecast
from wavegen_series.series import Names, Series
from wavegen_series.tables.columns import Columns
from wavegen_series.tables.frames import forecast_frame, from_pandas, to_pandas
from wavegen_series.tables.reading import from_array
from wavegen_series.tables.reading_csv import read_csv
from wavegen_series.tables.reading_layout import series_of

from wavegen.errors import DataError

pandas = pytest.importorskip("pandas")
TOLD = Columns("unique_id", "ds", ("a", "b c"), ("price",), ("load",), ("kind",))


@settings(max_examples=10)
@given(families)
def test_series_survive_a_frame(family: tuple[Series, ...]):
    again = from_pandas(to_pandas(family), TOLD)
    assert len(again) == len(family)
    assert all(map(same, again, family))


@pytest.mark.parametrize(
    "text",
    [
        "ds,unique_id,y\n2024-01-01,A,1\n2024-01-01,B,true\n2024-01-02,A,\n2024-01-03,A,2\n"
        "2024-01-02,B,False\n",
        "date,one,two\n2024-01-01 10:00+02:00,1,2\n2024-01-02 10:00+02:00,,3\n"
        "2024-01-05 10:00+02:00,4,\n2024-01-06 10:00+02:00,4,7\n",
        "y\n1\n2\n",
    ],
)
def test_a_frame_is_read_like_its_file(text: str):
    frame = pandas.read_csv(io.StringIO(text))
    read = series_of(read_csv(text.encode(), "x", "series"), Columns())
    for again in (frame, frame.convert_dtypes(), frame.astype("string"), frame.astype(object)):
        assert all(map(same, from_pandas(again, Columns()), read))


@pytest.mark.parametrize("freq", ["D", "MS"])
def test_an_index_of_dates_is_the_time(freq: str):
    dates = pandas.date_range("2024-01-01", periods=3, freq=freq)
    values = {"north": [1, 2, 3], "south": [4.0, None, 6.0]}
    plain = pandas.DataFrame(values, index=dates)
    zoned = pandas.DataFrame(values, index=dates.tz_localize("UTC").tz_convert("Asia/Tokyo"))
    periods = pandas.DataFrame(values, index=dates.to_period("M" if freq == "MS" else freq))
    for frame in (plain, zoned, periods, plain.rename_axis("when")):
        north, south = from_pandas(frame, Columns())
        np.testing.assert_array_equal(north.time, dates.to_numpy())
        np.testing.assert_array_equal(south.values[:, 0], [4, np.nan, 6])


def test_named_levels_of_an_index_are_columns():
    index = pandas.MultiIndex.from_product([["A", "B"], [1, 2]], names=["shop", "day"])
    frame = pandas.DataFrame({"sales": [1.0, 2, 3, 4]}, index=index)
    shops = from_pandas(frame, Columns(id="shop", time="day"))
    assert [shop.values[:, 0].tolist() for shop in shops] == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"ds": [1, 2], "y": [1.0, np.inf]}, "the frame, row 1, column 'y': inf is no finite"),
        ({"ds": [1, 1], "y": [1.0, 2]}, "the frame, row 1: 1 stands twice"),
        ({"ds": [1.0, None], "y": [1.0, 2]}, "the frame, row 1, column 'ds': nan is no time"),
        ({"ds": [1.0, 1.5], "y": [1.0, 2]}, "row 1, column 'ds': 1.5 is no time"),
        ({"ds": [1, 2], "y": ["1", "x"]}, "row 1, column 'y': 'x' is no finite number"),
        ({"ds": [1, 2], "y": [1j, 2]}, "row 0, column 'y': '1j' is no finite number"),
        (
            {"ds": np.array(["2024", "0004"], "datetime64[s]"), "y": [1, 2]},
            "row 1, column 'ds': 0004-01-01T00:00:00 is no time",
        ),
        ({"ds": [1, 2], "y": np.array(["2024", "2025"], "datetime64[s]")}, "'y' holds dates"),
        ({"ds": [], "y": []}, "holds no rows"),
        ({1: [1], "1": [2]}, "two columns are called '1'"),
    ],
)
def test_what_is_wrong_with_a_frame(frame: dict, message: str):
    with pytest.raises(DataError, match=message):
        from_pandas(pandas.DataFrame(frame), Columns())


def test_forecasts_become_a_tidy_frame():
    rng = np.random.default_rng(0)
    context = Series("A", np.arange(7), rng.normal(size=(4, 2)), names=Names(("u", "v")))
    samples = rng.normal(size=(50, 3, 2))
    forecast = Forecast(context, np.arange(4, 7), samples, levels=(0.025, 0.5))
    frame = forecast_frame([forecast, forecast], cutoff=True)
    assert list(frame) == ["unique_id", "ds", "cutoff", "channel", "mean", "q2.5", "q50"]
    assert frame["ds"].tolist() == [4, 4, 5, 5, 6, 6] * 2
    assert frame["channel"].tolist() == ["u", "v"] * 6
    assert set(frame["cutoff"]) == {3}
    v = frame[frame["channel"] == "v"]
    np.testing.assert_allclose(v["mean"][:3], samples[:, :, 1].mean(0))
    np.testing.assert_allclose(v["q2.5"][:3], np.quantile(samples[:, :, 1], 0.025, axis=0))
    one = Forecast(from_array([1.0, 2.0], "B"), np.arange(2, 4), np.ones((1, 2, 1)))
    assert list(one.to_pandas()) == ["unique_id", "ds", "mean", "q10", "q50", "q90"]
    with pytest.raises(DataError, match="2 different sets of channels"):
        forecast_frame([forecast, one])


def test_series_of_different_kinds_make_no_frame():
    one, dated = from_array([1.0, 2.0]), np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]")
    for other, message in (
        (from_array([1.0, 2.0], channels=("z",)), "2 different sets of columns"),
        (Series("b", dated, np.ones((2, 1))), "some series have dates"),
    ):
        with pytest.raises(DataError, match=message):
            to_pandas([one, other])
    for names, message in ((("ds",), "'ds' itself"), (("x", "x"), "share a name")):
        with pytest.raises(DataError, match=message):
            to_pandas([Series("a", dated, np.ones((2, len(names))), names=Names(names))])

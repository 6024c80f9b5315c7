"""What comes after the times of a series, and what the calendar says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_series.series import Names, Series
from wavegen_series.tables.times import CALENDAR, calendar, future, usual_step

from wavegen.errors import ConfigError, DataError


def series(time: np.ndarray, n: int) -> Series:
    time = time.astype("datetime64[ns]") if time.dtype.kind == "M" else time
    return Series("a", time, np.ones((n, 1)))


@settings(max_examples=40)
@given(
    freq=st.sampled_from(
        ["D", "B", "h", "5min", "W-FRI", "MS", "ME", "QS", "QE", "YE", "36h", "2MS"]
    ),
    begin=st.dates(np.datetime64("1950-01-01").item(), np.datetime64("2050-01-01").item()),
    n=st.integers(7, 30),
    horizon=st.integers(0, 40),
)
def test_it_goes_on_like_the_calendars_of_pandas(freq: str, begin: object, n: int, horizon: int):
    pandas = pytest.importorskip("pandas")
    time = pandas.date_range(str(begin), periods=n + horizon, freq=freq).to_numpy()
    np.testing.assert_array_equal(future(series(time[:n], n), horizon), time[n:])


@given(
    begin=st.integers(-(10**6), 10**6),
    steps=st.lists(st.integers(1, 5), min_size=1),
    told=st.integers(0, 3),
    horizon=st.integers(0, 6),
)
def test_numbers_go_on_by_the_most_common_step(
    begin: int, steps: list[int], told: int, horizon: int
):
    time = begin + np.cumsum([0, *steps])
    found = future(series(time, max(1, len(time) - told)), horizon)
    known = time[max(1, len(time) - told) :][:horizon]
    assert len(found) == horizon
    np.testing.assert_array_equal(found[: len(known)], known)
    usual = max(sorted(set(steps)), key=steps.count)
    assert usual_step(time) == usual
    whole = np.append(time[: len(time)], found[len(known) :])
    assert (np.diff(whole)[len(time) - 1 :] == usual).all()


def test_trading_days_go_on_after_holidays_and_weekends():
    days = np.array(["2024-03-27", "2024-03-28", "2024-04-01", "2024-04-02", "2024-04-05"])
    found = future(series(days.astype("datetime64[D]"), 5), 3).astype("datetime64[D]")
    assert found.astype(str).tolist() == ["2024-04-08", "2024-04-09", "2024-04-10"]


def test_a_month_that_has_no_such_day_ends_on_its_last():
    days = np.array(["2023-10-30", "2023-11-30", "2023-12-30"], "datetime64[D]")
    found = future(series(days, 3), 3).astype("datetime64[D]")
    assert found.astype(str).tolist() == ["2024-01-30", "2024-02-29", "2024-03-30"]


def test_the_time_of_the_day_stays():
    days = np.arange("2024-01-01T16:30", "2024-01-10T16:30", 24 * 60, dtype="datetime64[m]")
    weekdays = days[np.is_busday(days.astype("datetime64[D]"))]
    assert str(future(series(days, 9), 1)[0]) == "2024-01-10T16:30:00.000000000"
    assert str(future(series(weekdays, 7), 4)[3]) == "2024-01-15T16:30:00.000000000"


def test_a_single_time_shows_no_step():
    with pytest.raises(DataError, match="1 rows show no usual step"):
        usual_step(np.array([1]))


dated = st.integers(-(2**62), 2**62).map(lambda ns: np.array([ns]).astype("datetime64[ns]"))
PERIOD = {"hour": (1, "D"), "weekday": (7, "D"), "monthday": (1, "M"), "yearday": (1, "Y")}


@given(dated, st.sampled_from(CALENDAR))
def test_the_calendar_goes_round(time: np.ndarray, name: str):
    (wave,) = calendar(time, [name])
    assert wave @ wave == pytest.approx(1)
    count, unit = PERIOD[name]
    begin = time.astype(f"datetime64[{unit}]")
    if name == "weekday":
        begin -= (begin.astype(int) + 3) % 7
    length = (begin + count).astype("datetime64[ns]") - begin.astype("datetime64[ns]")
    into = time - begin.astype("datetime64[ns]")
    if name == "weekday":
        into = into.astype("timedelta64[D]")
    angle = 2 * np.pi * (into / length).item()
    np.testing.assert_allclose(wave, [np.sin(angle), np.cos(angle)], atol=1e-6)


def test_monday_is_where_the_week_begins():
    monday = np.array(["2024-11-18T23:00"], "datetime64[ns]")
    np.testing.assert_allclose(calendar(monday, ["weekday", "hour"])[0, :2], [0, 1])


def test_the_calendar_needs_dates_and_names():
    with pytest.raises(ConfigError, match="need dates"):
        calendar(np.arange(3), ["hour"])
    with pytest.raises(ConfigError, match="no calendar feature 'moon'; there are hour"):
        calendar(np.array(["2024"], "datetime64[ns]"), ["moon"])
    assert calendar(np.arange(3), []).shape == (3, 0)


def test_covariates_do_not_change_the_times():
    one = Series("a", np.arange(5), np.ones((3, 1)), np.ones((5, 1)), names=Names(known=("p",)))
    assert future(one, 4).tolist() == [3, 4, 5, 6]

"""Dates as text, in the forms that people write."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_series.tables.reading_dates import dates, is_date, nanoseconds

moments = st.datetimes(datetime(1680, 1, 1), datetime(2260, 1, 1))


def expected(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "ns")


@settings(max_examples=100)
@given(
    moment=moments,
    form=st.sampled_from(
        [
            "%Y-%m-%dT%H:%M:%S.%f",
            "%Y/%m/%d %H:%M:%S,%f",
            "%Y-%m-%d %H:%M",
            "%Y%m%d",
            "%Y-%m-%d",
            "%Y-%m",
            "%d.%m.%Y %H:%M",
        ]
    ),
)
def test_each_form_is_what_it_says(moment: datetime, form: str):
    cell = moment.strftime(form)
    assert is_date(cell)
    assert dates([cell, cell]).tolist() == [expected(datetime.strptime(cell, form)).tolist()] * 2


@settings(max_examples=50)
@given(first=moments, second=moments, minutes=st.integers(-14 * 60, 14 * 60))
def test_zones_become_utc(first: datetime, second: datetime, minutes: int):
    zone = timezone(timedelta(minutes=minutes))
    cells = [first.replace(tzinfo=UTC).isoformat(), second.replace(tzinfo=zone).isoformat()]
    wanted = [first, second.replace(tzinfo=zone).astimezone(UTC)]
    assert (dates(cells) == np.array([expected(moment) for moment in wanted])).all()


@settings(max_examples=50)
@given(
    days=st.lists(st.dates(date(1700, 1, 1), date(2250, 1, 1))).map(
        lambda found: [*found, date(2024, 2, 29)]
    ),
    form=st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"]),
)
def test_one_plain_day_shows_the_order_of_a_column(days: list[date], form: str):
    found = dates([day.strftime(form) for day in days])
    assert (found == np.array(days, "datetime64[ns]")).all()


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1))
def test_whole_numbers_stay(numbers: list[int]):
    if not all(len(str(n)) == 8 for n in numbers):
        assert dates([str(n) for n in numbers]).tolist() == numbers


def test_eight_digits_that_are_no_dates_are_numbers():
    assert dates(["20240131", "20240132"]).tolist() == [20240131, 20240132]
    assert dates(["20240131", "20240201"]).dtype == "datetime64[ns]"
    assert dates(["1.0", "2."]).tolist() == [1, 2]


@pytest.mark.parametrize(
    "cell",
    ["2024-13-01", "2024-00-01", "2024-01-01T24:00", "2024-01-01T10:60", "1677-01-01", "2024-1-1x"],
)
def test_what_is_no_date_is_named(cell: str):
    with pytest.raises(ValueError, match="is no date") as caught:
        dates(["2024-01-01", "2024-01-02", cell])
    assert caught.value.args[0] == 2


def test_dates_beyond_nanoseconds_are_not_wrapped_around():
    found = nanoseconds(np.array(["0001-01-01", "2024-01-01", "9999-01-01"], "datetime64[s]"))
    assert np.isnat(found).tolist() == [True, False, True]

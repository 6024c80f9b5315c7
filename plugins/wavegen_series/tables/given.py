"""Series from whatever somebody has: a table in a file, a data frame, an array, or series."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wavegen.errors import DataError

from ..config import SeriesConfig
from ..forecasting.telling import with_future
from ..series import Series
from .columns import Columns
from .reading import from_array, long_enough, read_rows


def series_given(data: Any, columns: Columns, channels: tuple[str, ...] = ()) -> list[Series]:
    """The series in `data`, of two steps at least. Raises `DataError`.

    `channels` names the columns of an array.
    """
    where = f"{data}, " if isinstance(data, str | Path) else ""
    return long_enough(_rows_given(data, columns, channels), where)


def _rows_given(data: Any, columns: Columns, channels: tuple[str, ...]) -> list[Series]:
    if isinstance(data, Series):
        return [data]
    if isinstance(data, Sequence) and data and all(isinstance(each, Series) for each in data):
        return list(data)
    if isinstance(data, str | Path):
        return read_rows(Path(data), columns)
    pandas: Any = sys.modules.get("pandas")  # who has a frame has imported it
    if pandas is not None and isinstance(data, pandas.Series | pandas.DataFrame):
        from .frames import from_pandas

        frame: Any = data
        if isinstance(data, pandas.Series):
            frame = frame.to_frame("y" if frame.name is None else frame.name)
        return from_pandas(frame, columns)
    return [from_array(data, channels=channels)]


def with_future_given(series: Sequence[Series], future: Any, config: SeriesConfig) -> list[Series]:
    """The series with the known covariates of a table of the steps to come.

    Raises `DataError` where the model takes none, or the table lacks a series.
    """
    if not config.known:
        raise DataError(
            "this model was trained without covariates that are known ahead, so nothing can be "
            "told of the future; leave --future out"
        )
    columns = Columns(id=config.id, time=config.time, target=config.known)
    told = _rows_given(future, columns, config.known)
    if len(series) == len(told) == 1:
        return [with_future(series[0], told[0])]
    by_name = {each.name: each for each in told}
    if missing := [each.name for each in series if each.name not in by_name]:
        raise DataError(
            f"the future tells nothing of series {missing[0]!r}; it has {', '.join(by_name)[:200]}"
        )
    return [with_future(each, by_name[each.name]) for each in series]

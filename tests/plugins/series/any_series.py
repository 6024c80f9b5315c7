"""Strategies of series, as tables can hold them."""

import numpy as np
from hypothesis import strategies as st
from wavegen_series.series import Names, Series

NAMES = Names(("a", "b c"), ("price",), ("load",), ("kind",))
numbers = st.floats(-1e12, 1e12).map(float) | st.integers(-999, 999).map(float)


@st.composite
def series(draw: st.DrawFn, name: str, dated: bool, future: int) -> Series:
    """Two channels with gaps, one covariate of each kind, and rows of the future."""
    n = draw(st.integers(2, 6))
    steps = draw(st.lists(st.integers(1, 10**15), min_size=n + future, max_size=n + future))
    time = np.cumsum(steps)
    values = np.array(draw(st.lists(numbers, min_size=2 * n, max_size=2 * n))).reshape(n, 2)
    values[np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))), 1] = np.nan
    row = st.lists(numbers, min_size=n + future, max_size=n + future)
    return Series(
        name,
        time.astype("datetime64[ns]") if dated else time,
        values,
        np.array(draw(row))[:, None],
        np.array(draw(row))[:n, None],
        np.array([draw(numbers)]),
        NAMES,
    )


def same(one: Series, other: Series) -> bool:
    """Whether two series agree in everything."""
    return (one.name, one.names) == (other.name, other.names) and all(
        a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in (
            (one.time, other.time),
            (one.values, other.values),
            (one.known, other.known),
            (one.past, other.past),
            (one.static, other.static),
        )
    )


families = st.tuples(
    st.lists(
        st.text("ABNaäé-,\"' ", min_size=1, max_size=4).filter(lambda name: name == name.strip()),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    st.booleans(),
    st.integers(0, 3),
).flatmap(lambda kind: st.tuples(*(series(name, kind[1], kind[2]) for name in kind[0])))
"""Some series that share their columns."""

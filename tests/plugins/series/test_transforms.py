"""Transforms: their inverses give the series back, and none of them sees what comes later."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from wavegen_series.series import Numbers
from wavegen_series.treatments import abrupt, denoise, transforms

from wavegen.errors import ConfigError, DataError

values = arrays(
    np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.floats(1, 1e4)
)
holes = st.floats(1, 1e4) | st.just(float("nan"))
CAUSAL: dict[str, Callable[[Numbers], Numbers]] = {
    "moving average": lambda x: transforms.moving_average(x, 5),
    "difference": lambda x: np.concatenate([x[:3], transforms.difference(x, 3)]),
    "log": transforms.log,
    "wavelets, causal": lambda x: denoise.denoise(x, "haar", 2, 16),
    "fluctuation": abrupt.fluctuation,
    "turn": abrupt.turn,
}


def leaks(transform: Callable[[Numbers], Numbers], x: Numbers, t: int) -> bool:
    """Whether rows before t change when all values from t on do."""
    other = x.copy()
    other[t:] = 3 * x[t:] + 7
    return not np.array_equal(transform(x)[:t], transform(other)[:t], equal_nan=True)


@pytest.mark.parametrize("name", CAUSAL)
@given(st.data())
@settings(max_examples=25)
def test_no_transform_sees_what_comes_later(name, data):
    shape = st.tuples(st.integers(30, 60), st.just(1))
    x = data.draw(arrays(np.float64, shape, elements=holes))
    assert not leaks(CAUSAL[name], x, data.draw(st.integers(0, len(x))))


@pytest.mark.parametrize("wavelet", ["coif3", "db4"])
def test_wavelets_as_they_are_used_do_not_leak_but_those_of_the_whole_series_do(wavelet):
    x = np.random.default_rng(0).standard_normal((700, 1)).cumsum(axis=0)
    for t in (1, 200, 511, 512, 600, 699):
        assert not leaks(lambda x: denoise.denoise(x, wavelet), x, t)
        assert leaks(lambda x: denoise.denoise_whole(x, wavelet), x, t)


@given(values, st.integers(1, 12))
def test_a_moving_average_is_undone(x, width):
    means = transforms.moving_average(x, width)
    for t in (0, len(x) // 2, len(x) - 1):
        np.testing.assert_allclose(means[t], x[max(0, t + 1 - width) : t + 1].mean(0), rtol=1e-12)
    np.testing.assert_allclose(transforms.undo_moving_average(means, width), x, atol=1e-6)


@given(values, st.integers(1, 12))
def test_differences_are_undone(x, lag):
    differences = transforms.difference(x, lag)
    assert len(differences) == max(0, len(x) - lag)
    if len(x) > lag:
        found = transforms.undo_difference(differences, x[:lag])
        np.testing.assert_allclose(found, x[lag:], atol=1e-8)


@given(values)
def test_a_logarithm_is_undone(x):
    np.testing.assert_allclose(np.exp(transforms.log(x)), x, rtol=1e-12)


def test_means_leave_out_what_is_missing():
    x = np.array([[np.nan], [1], [np.nan], [5], [np.nan], [np.nan], [np.nan]])
    means = transforms.moving_average(x, 3)[:, 0]
    np.testing.assert_array_equal(means, [np.nan, 1, 1, 3, 5, 5, np.nan])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: transforms.moving_average(x, 0), "width is 0"),
        (lambda x: transforms.undo_moving_average(x, -1), "width is -1"),
        (lambda x: transforms.difference(x, 0), "lag is 0"),
        (lambda x: transforms.undo_difference(x, x[:0]), "values before them"),
        (lambda x: abrupt.abrupt(x, 0.0), "threshold is 0"),
        (lambda x: denoise.denoise(x, "cioff3"), "wavelet is 'cioff3'"),
        (lambda x: denoise.denoise(x, levels=0), "levels is 0"),
        (lambda x: denoise.denoise(x, window=0), "window is 0"),
    ],
)
def test_what_makes_no_transform_is_told(call, message):
    with pytest.raises(ConfigError, match=message):
        call(np.ones((9, 1)))


def test_zeros_have_no_logarithm_and_no_relative_change():
    x = np.array([[1.0], [0.0], [np.nan], [2.0]])
    with pytest.raises(DataError, match="least value is 0"):
        transforms.log(x)
    with pytest.raises(DataError, match="a value is 0"):
        abrupt.fluctuation(x)

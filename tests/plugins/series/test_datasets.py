"""Data sets: generators make what they say, real sets are whole, and nothing asks a network."""

import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_series.datasets import catalogue as datasets
from wavegen_series.datasets import synthetic as datasets_synthetic
from wavegen_series.datasets.catalogue import DATASETS, Generated, Packaged

from wavegen.errors import ConfigError

GENERATED = [name for name, each in DATASETS.items() if isinstance(each, Generated)]
PACKAGED = {name: each for name, each in DATASETS.items() if isinstance(each, Packaged)}


@pytest.mark.parametrize("name", GENERATED)
@given(st.integers(1, 4), st.integers(21, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=2)
def test_a_seed_makes_the_same_series_again_and_others_make_others(name, n, steps, seed):
    once = datasets.generate(name, n, steps, seed)
    assert once.shape[:2] == (n, steps)
    assert once.dtype == np.float64
    assert np.isfinite(once).all()
    np.testing.assert_array_equal(once, datasets.generate(name, n, steps, seed))
    assert not np.array_equal(once, datasets.generate(name, n, steps, (seed + 1) % 2**32))


def test_the_naive_errors_of_two_sines_are_the_book_s():
    valid = datasets.generate("geron", 10000, 51, 42)[7000:9000]
    # The book prints a mean in float32.
    error = np.mean(np.square((valid[:, -1] - valid[:, -2]).astype(np.float32)))
    assert error == pytest.approx(0.020211367, abs=1e-8)
    valid = datasets.generate("geron", 10000, 60, 42)[7000:9000]
    assert np.mean((valid[:, 50:] - valid[:, 49:50]) ** 2) == pytest.approx(0.2569740, abs=1e-7)
    # The book's 0.223 repeats the last value of the target.
    assert np.mean((valid[:, 50:] - valid[:, 59:]) ** 2) == pytest.approx(0.2227885, abs=1e-7)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_damped_sines_are_a_linear_recurrence_around_a_half(seed):
    x = datasets.generate("damped", 3, 60, seed) - 0.5
    assert np.abs(x).max() <= 0.5
    rows = np.stack([x[:, 1:-1], x[:, :-2]], -1)
    for each, target in zip(rows, x[:, 2:], strict=True):
        found = np.linalg.lstsq(each, target, rcond=None)[0]
        np.testing.assert_allclose(each @ found, target, atol=1e-12)
        decay = -np.log(-found[1]) / 2
        period = 2 * np.pi / np.arccos(found[0] / 2 * np.exp(decay))
        assert 0.01 <= decay <= 0.1
        assert period == pytest.approx(round(period), abs=1e-6)
        assert 10 <= round(period) <= 20


def test_a_damped_sine_follows_its_formula():
    x = datasets_synthetic.damped_sine(100, 10.0, 0.05)
    assert x[0] == 0.5
    assert x[7] == pytest.approx(0.5 + 0.5 * np.sin(1.4 * np.pi) * np.exp(-0.35), abs=1e-15)


def test_an_autoregressive_series_has_the_variance_of_the_theory():
    x = datasets_synthetic.autoregressive(200, 2000, 1, (0.8,))
    assert x.var() == pytest.approx(1 / (1 - 0.64), rel=0.02)
    lag = np.mean(x[:, 1:] * x[:, :-1]) / x.var()
    assert lag == pytest.approx(0.8, abs=0.01)
    with pytest.raises(ConfigError, match="explode"):
        datasets_synthetic.autoregressive(1, 10, 1, (0.5, 0.6))


def test_mackey_glass_obeys_its_equation():
    x = datasets.generate("mackey-glass", 4, 400, 3)
    # Simpson's rule over two units against the difference; the delay is whole units.
    drift = 0.2 * x[:, :-17] / (1 + x[:, :-17] ** 10) - 0.1 * x[:, 17:]
    change = (drift[:, :-2] + 4 * drift[:, 1:-1] + drift[:, 2:]) / 3
    np.testing.assert_allclose(x[:, 19:] - x[:, 17:-2], change, atol=0.02)
    assert 0.2 < x.min() < x.max() < 1.5
    assert np.abs(x[0] - x[1]).max() > 0.3  # histories that differ a little part


def test_the_memory_tasks_end_with_their_answers():
    x = datasets.generate("adding", 5, 30, 1)
    numbers, marks = x[:, :-1, 0], x[:, :-1, 1]
    np.testing.assert_allclose(x[:, -1, 0], (numbers * marks).sum(1), atol=1e-6)
    assert (marks.sum(1) == 2).all()
    x = datasets.generate("copy", 5, 40, 1)
    np.testing.assert_array_equal(x[:, :10], x[:, -10:])
    assert (x[:, 10:-11] == 0).all()
    assert (x[:, -11] == 9).all()


@pytest.mark.parametrize("name", PACKAGED)
def test_real_sets_are_whole_and_come_without_a_network(name, monkeypatch):
    pytest.importorskip(PACKAGED[name].package)

    def refuse(*_: object) -> None:
        raise AssertionError("a data set asked for a network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (series,) = datasets.load(name)
    assert len(series) == PACKAGED[name].rows
    assert series.names.channels == PACKAGED[name].channels
    missing = {"co2": 59, "vix": 46}.get(name, 0)
    assert np.isnan(series.values).sum() == missing


def test_generators_are_loaded_as_series():
    series = datasets.load("adding", ["mark"], n=12, steps=9)
    assert [each.name for each in series][::11] == ["adding-00", "adding-11"]
    assert series[0].values.shape == (9, 1)
    assert series[0].names.channels == ("mark",)
    assert datasets.load("sine", steps=30)[0].name == "sine"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: datasets.load("gern"), "no data set is called 'gern'; there are sine, geron"),
        (lambda: datasets.load("sine", n=0), "n is 0"),
        (lambda: datasets.load("sine", steps=0), "steps is 0; sine needs 1"),
        (lambda: datasets.load("copy", steps=20), "steps is 20; copy needs 21"),
        (lambda: datasets.load("sine", seed=-1), "seed is -1"),
        (lambda: datasets.load("sine", seed=2**32), "seed is 4294967296"),
        (lambda: datasets.load("sine", n=10**8, steps=100), "1,000,000,000 or less"),
        (lambda: datasets.load("sine", ["z"]), "sine has no column 'z'; it has y"),
        (lambda: datasets.load("aapl", n=2), "aapl is a real series"),
        (lambda: datasets.generate("aapl", 1, 9, 0), "nothing generates it"),
    ],
)
def test_what_cannot_be_made_is_told(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


def test_a_missing_package_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr(Packaged, "installed", False)
    with pytest.raises(
        ConfigError, match=r"bokeh_sampledata; pip install 'wavegen\[series-data\]'"
    ):
        datasets.load("aapl")

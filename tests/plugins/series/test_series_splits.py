"""Each value is scored once, in one split, and nothing that is told of a step comes after it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wavegen_series.conditions import rows_of
from wavegen_series.config import SeriesConfig
from wavegen_series.naive import naive_bits
from wavegen_series.series import Names, Series
from wavegen_series.splits import HISTORY, SeriesSplit, TrainingSplit, parted

from wavegen.domain import Split
from wavegen.errors import DataError
from wavegen.scoring import n_scored
from wavegen.splitting import SPLITS

BESIDE = SeriesConfig(
    known=("price",), past=("load",), gaps=True, centre=(0.0, 0.0), spread=(1.0, 1.0), usual_step=1
)


def numbered(name: str, n: int) -> Series:
    return Series(name, np.arange(n), np.arange(n, dtype=float)[:, None] + 1)


def beside(seed: int, n: int) -> Series:
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 4, size=n + 3).cumsum()
    known, past = rng.normal(size=(n + 3, 1)), rng.normal(size=(n, 1))
    names = Names(("y",), ("price",), ("load",))
    return Series("s", time, rng.normal(size=(n, 1)), known, past, names=names)


def scored(split: Split) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for index, name in enumerate(split.names):
        n = int(split.lengths[index])
        target = split.target(index, 0, n)
        x = split.read(index, 0, n)[0] if target is None else target
        found += [(name, float(v)) for v in x[~x.isnan()]]
    return found


@settings(max_examples=25)
@given(
    st.lists(st.integers(2, 90), min_size=1, max_size=30),
    st.sampled_from(["auto", "time", "series"]),
)
def test_every_value_is_scored_once_in_one_split(lengths: list[int], how: Any) -> None:
    config = SeriesConfig(split=how)
    series = [numbered(f"s{i}", n) for i, n in enumerate(lengths)]
    parts = parted(series, config, True, True)
    found = [pair for name in SPLITS for pair in scored(SeriesSplit(parts[name], config))]
    expected = [(s.name, float(v)) for s in series for v in s.values[:, 0]]
    assert sorted(found) == sorted(expected)


def test_many_short_series_are_held_out_whole() -> None:
    config = SeriesConfig()
    parts = parted([numbered(f"s{i}", 50 + i % 3) for i in range(60)], config, True, True)
    assert all(part.first == part.start == 0 for name in SPLITS for part in parts[name])
    assert 30 < len(parts["train"]) < 60
    few = parted([numbered(f"s{i}", 50) for i in range(5)], config, True, True)
    assert [part.first for part in few["valid"]] == [40] * 5


def test_the_end_of_a_series_is_scored_after_its_history() -> None:
    config = SeriesConfig()
    split = SeriesSplit(parted([numbered("s", 10_000)], config, True, True)["valid"], config)
    assert int(split.lengths[0]) == HISTORY + 1000
    x, _ = split.read(0, 0, HISTORY + 1000)
    target = split.target(0, HISTORY - 1, HISTORY + 1)
    assert target is not None
    assert x[-1] == 9000
    assert math.isnan(target[0])
    assert target[1] == 8001
    assert split.target(0, HISTORY, HISTORY + 5) is None
    assert n_scored(split, 0) == 1000


@pytest.mark.parametrize("which", ["all", "last"])
def test_horizons_are_whole_and_their_own(which: Any) -> None:
    config = SeriesConfig(head="point", horizon=3, scored=which)
    split = SeriesSplit(parted([numbered("s", 100)], config, True, True)["train"], config)
    n = int(split.lengths[0])
    target = split.target(0, 0, n)
    assert target is not None
    known = (~target.isnan()).all(1)
    assert torch.equal(known, ~target.isnan().all(1))
    steps = known.nonzero()[:, 0].tolist()
    assert steps == (list(range(n - 2)) if which == "all" else [n - 3])
    for t in steps:
        assert target[t].tolist() == [t + 1, t + 2, t + 3]


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_nothing_that_is_told_of_a_step_comes_after_it(seed: int, step: int) -> None:
    """But for what is known ahead, which is told at its own step."""
    series = beside(seed, 20)
    later = replace(series, values=series.values.copy(), past=series.past.copy())
    later.values[step:] += 5
    later.past[step:] += 5
    rows, changed = rows_of(series, BESIDE), rows_of(later, BESIDE)
    assert rows.shape == (23, BESIDE.cond_channels)
    np.testing.assert_array_equal(rows[: step + 1], changed[: step + 1])
    np.testing.assert_allclose(rows[:, 0], series.known[:, 0], rtol=1e-6)
    np.testing.assert_allclose(rows[1:21, 2], series.past[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(rows[:, 3], [0.0] + [1.0] * 20 + [0.0] * 2)
    np.testing.assert_allclose(np.exp(rows[1:, 1]), np.diff(series.time), rtol=1e-5)


def test_training_hides_the_past_from_some_step_on() -> None:
    part = parted([beside(0, 60)], BESIDE, False, False)["train"]
    split, plain = TrainingSplit(part, BESIDE), SeriesSplit(part, BESIDE)
    ends = set[int]()
    for start in range(30):
        rows, whole = split.read(0, start, start + 30)[1], plain.read(0, start, start + 30)[1]
        assert rows is not None
        assert whole is not None
        assert torch.equal(rows[:, :2], whole[:, :2])
        told = int(rows[:, 3].sum())
        hidden = told < int(whole[:, 3].sum())
        first = int(rows[:, 3].nonzero()[-1]) + 1 if told else 0
        assert torch.equal(rows[:first], whole[:first])
        assert (rows[first:, 2:] == 0).all()
        ends.add(first if hidden else 30)
        again = split.read(0, start, start + 30)[1]
        assert again is not None
        assert torch.equal(rows, again)
    assert len(ends) > 5
    assert 30 in ends


def test_other_covariates_than_in_training_are_refused() -> None:
    with pytest.raises(DataError, match="was trained with price, load"):
        rows_of(numbered("s", 5), BESIDE)


def test_naive_bits_are_those_of_the_last_value() -> None:
    """Of Gaussian steps of deviation 2: the entropy of those, and a little more for Laplace."""
    rng = np.random.default_rng(0)
    walk = Series("w", np.arange(20_000), 2 * rng.normal(size=(20_000, 1)).cumsum(0))
    config = SeriesConfig()
    parts = parted([walk], config, True, True)
    bits = naive_bits(
        SeriesSplit(parts["train"], config), SeriesSplit(parts["valid"], config), config
    )
    entropy = 0.5 * math.log2(2 * math.pi * math.e * 4)
    assert bits["last value, Gaussian"] == pytest.approx(entropy, abs=0.05)
    assert bits["last value, Laplace"] == pytest.approx(entropy + 0.104, abs=0.05)


def test_naive_error_of_a_horizon() -> None:
    """Of 1, 2, 3, ...: the last value is 1, 2 and 3 away, 14 / 3 squared."""
    config = SeriesConfig(head="point", horizon=3)
    split = SeriesSplit(parted([numbered("s", 50)], config, True, True)["train"], config)
    assert naive_bits(split, split, config) == {"last value": pytest.approx(14 / 3 / math.log(2))}

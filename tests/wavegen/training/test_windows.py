"""Windows: what stands before a sequence, what counts, and how often each symbol is seen."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from wavegen.domain import Domain, Split
from wavegen.heads import MISSING_CLASS, missing
from wavegen.training.windows import Batch, Windows

START, START_COND = -1, -0.5


class Numbered(Split):
    """Symbol i of sequence n is 1000 n + i; its condition is that plus a half, its label n."""

    def __init__(self, lengths: list[int], conditions: bool = True) -> None:
        self._lengths, self._conditions = lengths, conditions

    @property
    def names(self) -> list[str]:
        return [str(n) for n in range(len(self._lengths))]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.array(self._lengths, dtype=np.int64)

    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        assert 0 <= start <= stop <= self._lengths[index]
        x = 1000 * index + torch.arange(start, stop)
        return x, x[:, None] + 0.5 if self._conditions else None

    def static(self, index: int) -> Tensor | None:
        return torch.tensor(index) if self._conditions else None


class Surroundings:
    """What windows need of a domain."""

    start, start_cond = torch.tensor(START), torch.full((1,), START_COND)


def windows(
    lengths: list[int], lead_in: int = 4, window: int = 5, conditions: bool = True
) -> Windows:
    domain = cast("Domain[Any]", Surroundings())
    return Windows(domain, Numbered(lengths, conditions), lead_in, window)


def scored(batch: Batch) -> list[int]:
    """The symbols that count, in order."""
    return batch.target[batch.weight.bool()].tolist()


def test_window_at_the_beginning() -> None:
    batch = windows([20]).at([(0, 0)])
    assert batch.x.tolist() == [[START, START, START, START, 0, 1, 2, 3]]
    assert batch.target.tolist() == [[0, 1, 2, 3, 4]]
    assert batch.weight.tolist() == [[1, 1, 1, 1, 1]]


def test_window_in_the_middle_sees_a_whole_lead_in() -> None:
    batch = windows([20]).at([(0, 7), (0, 2)])
    assert batch.x.tolist() == [[3, 4, 5, 6, 7, 8, 9, 10], [START, START, 0, 1, 2, 3, 4, 5]]
    assert batch.target.tolist() == [[7, 8, 9, 10, 11], [2, 3, 4, 5, 6]]


def test_end_of_a_short_sequence_does_not_count() -> None:
    batch = windows([3, 20]).at([(0, 0), (1, 18)])
    assert batch.target.tolist() == [[0, 1, 2, START, START], [1018, 1019, START, START, START]]
    assert batch.weight.tolist() == [[1, 1, 1, 0, 0], [1, 1, 0, 0, 0]]


def test_conditions_belong_to_the_symbol_that_is_predicted() -> None:
    batch = windows([20, 20]).at([(1, 2), (0, 8)])
    assert batch.cond is not None
    assert batch.static is not None
    assert batch.static.tolist() == [1, 0]
    following = torch.cat([batch.x[:, 1:], batch.target[:, -1:]], 1)  # x[t + 1]
    wanted = torch.where(following == START, START_COND, following + 0.5)
    assert torch.equal(batch.cond[..., 0], wanted)


def test_without_conditions_there_are_none() -> None:
    batch = windows([20], conditions=False).at([(0, 0), (0, 3)])
    assert batch.cond is None
    assert batch.static is None
    assert batch.to(torch.device("cpu")).cond is None


lengths = st.lists(st.integers(0, 30), min_size=0, max_size=5)


@settings(max_examples=60)
@given(lengths, st.integers(1, 12), st.integers(1, 9), st.integers(1, 4))
def test_all_has_every_symbol_once_in_order(
    lengths: list[int], lead_in: int, window: int, batch: int
) -> None:
    found = [x for each in windows(lengths, lead_in, window).all(batch) for x in scored(each)]
    assert found == [1000 * n + i for n, length in enumerate(lengths) for i in range(length)]


@settings(max_examples=60)
@given(lengths, st.integers(1, 9), st.integers(1, 100))
def test_spread_is_a_part_of_all(lengths: list[int], window: int, n_steps: int) -> None:
    some = windows(lengths, 3, window)
    found = [x for each in some.spread(2, n_steps) for x in scored(each)]
    whole = [x for each in some.all(2) for x in scored(each)]
    assert len(set(found)) == len(found)
    assert set(found) <= set(whole)
    assert bool(found) == bool(whole)
    if n_steps >= len(lengths) * 30 + window:
        assert found == whole


def test_spread_reaches_from_one_end_to_the_other() -> None:
    found = [scored(each)[0] for each in windows([1000], window=10).spread(1, 50)]
    assert found == [0, 200, 400, 600, 800]


def test_random_windows_depend_on_the_key_alone() -> None:
    some = windows([50, 80])
    assert torch.equal(some.random(4, (1, 2, 3)).x, some.random(4, (1, 2, 3)).x)
    for other in [(0, 2, 3), (1, 3, 3), (1, 2, 4)]:
        assert not torch.equal(some.random(4, (1, 2, 3)).x, some.random(4, other).x)


@pytest.mark.parametrize("lengths", [[300], [40, 260], [3, 0, 7, 15, 300], [5, 1]])
def test_random_windows_see_all_alike(lengths: list[int]) -> None:
    window = 10
    some, seen = windows(lengths, window=window), np.zeros(max(lengths) * 0 + 6000)
    for step in range(300):
        symbols = scored(some.random(64, (0, step)))
        np.add.at(seen, symbols, 1)
    total = sum(lengths)
    mean = seen.sum() / total
    for index, length in enumerate(lengths):
        counts = seen[1000 * index : 1000 * index + length]
        if length:
            # The symbols of a sequence are seen as often as those of any other one ...
            assert counts.mean() == pytest.approx(mean, rel=0.12)
            # ... and its edges, taken as a whole, as often as its middle.
            assert counts[:window].mean() == pytest.approx(mean, rel=0.2)
            assert counts[-window:].mean() == pytest.approx(mean, rel=0.2)
            assert counts.min() > 0.35 * mean
            assert counts.max() < 1.8 * mean


class Asked(Numbered):
    """At each step the next `horizon` symbols are asked for, as far as the sequence has them.

    Nothing is asked for in the first `history` steps.
    """

    def __init__(self, lengths: list[int], horizon: int, history: int, *, real: bool) -> None:
        super().__init__(lengths)
        self.horizon, self.history, self.real = horizon, history, real

    def target(self, index: int, start: int, stop: int) -> Tensor:
        assert 0 <= start < stop <= self._lengths[index]
        asked = torch.arange(start, stop)[:, None] + torch.arange(self.horizon)
        here = (asked >= self.history) & (asked < self._lengths[index])
        asked = asked + 1000 * index
        if self.real:
            return asked.float().masked_fill(~here, math.nan)
        return asked.masked_fill(~here, MISSING_CLASS)


def asking(lengths: list[int], split: Split, window: int = 5) -> Windows:
    return Windows(cast("Domain[Any]", Surroundings()), split, 4, window)


@settings(max_examples=60)
@given(lengths, st.integers(1, 9), st.integers(1, 4), st.integers(0, 35), st.booleans())
def test_what_is_asked_for_is_scored_once_and_nothing_else(
    lengths: list[int], window: int, horizon: int, history: int, real: bool
) -> None:
    split = Asked(lengths, horizon, history, real=real)
    found, n_scored, x = list[float](), 0, list[int]()
    for batch in asking(lengths, split, window).all(3):
        assert batch.target.shape == (*batch.weight.shape, horizon)
        assert batch.x.shape[1] == 4 + window - 1
        known = ~missing(batch.target)
        assert torch.equal(known.any(-1), batch.weight.bool())
        found += batch.target[known].tolist()
        n_scored += int(batch.weight.sum())
        x += batch.x[:, 3:].flatten().tolist()
    wanted = [
        1000 * n + i + ahead
        for n, length in enumerate(lengths)
        for i in range(length)
        for ahead in range(horizon)
        if history <= i + ahead < length
    ]
    assert sorted(found) == sorted(wanted)
    assert n_scored == sum(
        sum(i + horizon > history for i in range(length)) for length in lengths if length > history
    )
    read = {1000 * n + i for n, length in enumerate(lengths) for i in range(length - 1)}
    assert read <= set(x), "a history is read all the same"


def test_symbols_that_are_missing_are_not_scored() -> None:
    class Gaps(Numbered):
        def read(self, index: int, start: int, stop: int) -> tuple[Tensor, None]:
            x = torch.arange(start, stop).float()[:, None].repeat(1, 2)
            x[x % 3 == 1] = math.nan  # both values of the event
            x[:, 1].masked_fill_(torch.arange(start, stop) % 3 == 2, math.nan)
            return x, None

        def static(self, index: int) -> None:
            return None

    class Pairs:
        start = torch.zeros(2)

    batch = Windows(cast("Domain[Any]", Pairs()), Gaps([8]), 4, 5).at([(0, 0), (0, 5)])
    assert batch.weight.tolist() == [[1, 0, 1, 1, 0], [1, 1, 0, 0, 0]]
    assert batch.target[0, 2].isnan().tolist() == [False, True]

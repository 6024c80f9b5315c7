"""The memory votes for what followed the same events before."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from wavegen_chorales import match_memory
from wavegen_chorales.match_memory import MatchMemory

N_CLASSES = 5


def memory(n_events: int, n_values: int = 2) -> MatchMemory:
    made = MatchMemory(n_values, N_CLASSES, n_events)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():  # every length and value has a strength of its own
        made.strength.copy_(torch.randn(made.strength.shape, generator=rng))
    return made


def by_definition(made: MatchMemory, x: Tensor) -> Tensor:
    """The formulas of the file, in Python: events `(T, N)` to votes `(T, N, K)`."""
    sums = torch.zeros(*x.shape, N_CLASSES)
    for t in range(len(x)):
        for lag in range(1, min(t, made.n_events) + 1):
            back, length = 0, 0
            while back < t - lag + 1 and bool((x[t - back] == x[t - lag - back]).all()):
                length += t == back or bool((x[t - back] != x[t - back - 1]).any())
                back += 1
            # Where the event at the far end is no longer remembered, its match was counted then.
            bucket = sum(length >= edge for edge in match_memory._EDGES)
            for value in range(x.shape[1]) if bucket else ():
                strength = made.strength[bucket - 1, value].exp()
                sums[t, value, x[t + 1 - lag, value]] += strength.detach()
    return sums.log1p()


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**20))
def test_votes_are_those_of_the_definition(n_events: int, n_steps: int, seed: int) -> None:
    made = memory(n_events)
    x = torch.randint(2, (1, n_steps, 2), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        votes, end = made(x, made.init_state(1))
        steps, state = list[Tensor](), made.init_state(1)
        for t in range(n_steps):
            vote, state = made.step(x[:, t], state)
            steps.append(vote)
    torch.testing.assert_close(votes[0], by_definition(made, x[0]))
    torch.testing.assert_close(torch.stack(steps, 1), votes)
    assert torch.equal(state.events, end.events)
    assert torch.equal(state.lengths, end.lengths)


def test_a_long_match_is_worth_no_more_than_the_longest_told_apart() -> None:
    made = memory(70, 1)
    x = (torch.arange(70) % 2)[None, :, None]
    with torch.no_grad():
        votes, _ = made(x, made.init_state(1))
    torch.testing.assert_close(votes[0], by_definition(made, x[0]))


@settings(max_examples=10)
@given(st.integers(1, 20))
def test_pieces_of_any_size_give_the_same(size: int) -> None:
    made = memory(12)
    x = torch.randint(2, (3, 40, 2), generator=torch.Generator().manual_seed(0))
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        whole, end = made(x, made.init_state(3))
        patch.setattr(match_memory, "_CHUNK", size)
        pieces, after = made(x, made.init_state(3))
    torch.testing.assert_close(pieces, whole)
    assert torch.equal(after.events, end.events)
    assert torch.equal(after.lengths, end.lengths)


def test_a_repeat_is_continued() -> None:
    made = MatchMemory(4, 47, 64)
    tune = torch.randint(1, 47, (20, 4), generator=torch.Generator().manual_seed(0))
    x = torch.cat([tune, tune[:12]])[None]
    with torch.no_grad():
        votes, _ = made(x, made.init_state(1))
    assert torch.equal(votes[0, 20:].argmax(-1), tune[1:13])
    best = votes[0, 20:].amax(-1)
    assert bool((best[1:] >= best[:-1]).all()), "the longer the match the stronger"
    assert float(votes[0, :19].max()) == 0, "nothing is copied before anything repeats"


def test_a_held_chord_does_not_vote_for_itself() -> None:
    made = MatchMemory(4, 47, 64)
    x = torch.full((1, 60, 4), 7)
    with torch.no_grad():
        votes, _ = made(x, made.init_state(1))
    assert float(votes.max()) == 0


def test_what_is_forgotten_has_no_vote() -> None:
    made = MatchMemory(1, 47, 8)
    x = torch.cat([torch.arange(20), torch.arange(6)])[None, :, None]
    with torch.no_grad():
        votes, _ = made(x, made.init_state(1))
    assert float(votes.max()) == 0


def test_votes_train_the_strength() -> None:
    made = MatchMemory(1, 5, 8)
    x = torch.tensor([1, 2, 3, 1, 2])[None, :, None]
    votes, _ = made(x, made.init_state(1))
    slope = torch.autograd.grad(votes[0, -1, 0, 3], made.strength)[0]
    # At the second 2 a match of two events votes for 3: d log(1 + exp(s)) / ds.
    expected = torch.zeros_like(made.strength)
    expected[1, 0] = 1 / (1 + math.exp(-float(made.strength[1, 0].detach())))
    torch.testing.assert_close(slope, expected)

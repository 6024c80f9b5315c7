"""Slow parts take their turns at the multiples of their period, whatever the age of a voice."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wavegen.layers.slow_clock import first_turn, held, prefill_by_clock


@pytest.mark.parametrize("clock", range(9))
@pytest.mark.parametrize("period", [1, 2, 3, 8])
def test_turns_are_the_multiples(clock: int, period: int) -> None:
    n_steps = 7
    first = first_turn(clock, period)
    turns = list(range(clock, clock + n_steps))[first::period]
    assert turns == [t for t in range(clock, clock + n_steps) if t % period == 0]
    values = torch.tensor(turns, dtype=torch.float32)[:, None]
    stands, expected = held(torch.tensor([-1.0]), values, first, period, n_steps), -1
    for t in range(n_steps):
        expected = clock + t if (clock + t) % period == 0 else expected
        assert float(stands[t, 0]) == expected


def test_voices_of_each_age_go_together() -> None:
    clock = torch.tensor([5, 2, 5, 9])
    calls = list[tuple[int, int]]()

    def run(age: int, x: Tensor, state: Tensor, cond: Tensor | None) -> tuple[Tensor, Tensor]:
        assert cond is not None
        calls.append((age, len(x)))
        return x + cond, state + age

    x, cond = torch.arange(4.0), 10 * torch.arange(4.0)
    out, after = prefill_by_clock(run, clock, x, torch.zeros(4), cond)
    assert calls == [(2, 1), (5, 2), (9, 1)]
    assert out.tolist() == [0, 11, 22, 33]
    assert after.tolist() == [5, 2, 5, 9]

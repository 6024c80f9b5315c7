"""Delay lines against plain lists, for rows of different ages.

Dimensions: B batch, T steps, L lanes, K taps, C channels.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from wavegen.layers.delay import DelayLines

C = 2
YOUNG, OLD = 0, 10_000_000

lanes = st.lists(st.integers(1, 6), min_size=1, max_size=4)
ages = st.lists(st.integers(0, 30) | st.integers(OLD, OLD + 30), min_size=1, max_size=3)


def written(
    lines: DelayLines, clock: Tensor, n_steps: int, seed: int
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Rings and clock after `n_steps` writes, and what was written at each: `(B, L, C)`."""
    generator = torch.Generator().manual_seed(seed)
    rings = lines.empty(len(clock), torch.zeros(()))
    values = [
        torch.randn(len(clock), len(lines.lengths), C, generator=generator) for _ in range(n_steps)
    ]
    for t, value in enumerate(values):
        lines.write(rings, clock + t, value)
    return rings, clock + n_steps, values


def ago(values: list[Tensor], lag: int, lane: int) -> Tensor:
    """What was written to a lane `lag` steps ago `(B, C)`; before the first write, silence."""
    return values[-lag][:, lane] if lag <= len(values) else torch.zeros(len(values[0]), C)


@settings(max_examples=60)
@given(lanes, st.integers(2, 4), ages, st.integers(1, 25), st.integers(0, 99))
def test_read_and_history_are_what_was_written(
    dilations: list[int], kernel: int, starts: list[int], n_steps: int, seed: int
) -> None:
    lines = DelayLines(dilations, kernel, C)
    rings, clock, values = written(lines, torch.tensor(starts), n_steps, seed)
    taps = lines.read(rings, clock)
    wanted = [
        ago(values, k * d, lane) for lane, d in enumerate(dilations) for k in range(1, kernel)
    ]
    assert torch.equal(taps, torch.stack(wanted, 1))
    for lane, dilation in enumerate(dilations):
        length = (kernel - 1) * dilation
        wanted = [ago(values, lag, lane) for lag in range(length, 0, -1)]
        assert torch.equal(lines.history(rings, clock, lane), torch.stack(wanted, 1))


@settings(max_examples=60)
@given(lanes, st.integers(2, 3), ages, st.integers(0, 9), st.integers(1, 20), st.integers(0, 99))
def test_fill_is_many_writes(
    dilations: list[int], kernel: int, starts: list[int], before: int, n_steps: int, seed: int
) -> None:
    lines = DelayLines(dilations, kernel, C)
    rings, clock, _ = written(lines, torch.tensor(starts), before, seed)
    stepped, filled = rings.clone(), rings.clone()
    values = torch.randn(len(starts), n_steps, len(dilations), C)
    for t in range(n_steps):
        lines.write(stepped, clock + t, values[:, t])
    for lane in range(len(dilations)):
        lines.fill(filled, clock, lane, values[:, :, lane])
    assert torch.equal(filled, stepped)


def test_rows_of_different_ages_do_not_touch_each_other() -> None:
    lines = DelayLines([3, 1], 2, C)
    together, clock, values = written(lines, torch.tensor([YOUNG, OLD]), 5, seed=0)
    for row, start in enumerate((YOUNG, OLD)):
        alone = lines.empty(1, torch.zeros(()))
        for t, value in enumerate(values):
            lines.write(alone, torch.tensor([start + t]), value[row : row + 1])
        assert torch.equal(alone[0], together[row])
        taps = lines.read(alone, clock[row : row + 1])
        assert torch.equal(taps[0], lines.read(together, clock)[row])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_empty_lines_are_silent(dtype: torch.dtype) -> None:
    lines = DelayLines([1, 2, 4], 3, C)
    rings = lines.empty(4, torch.zeros((), dtype=dtype))
    assert (rings.shape, rings.dtype) == ((4, 2 * (1 + 2 + 4), C), dtype)
    assert not rings.any()
    assert lines.state_dict() == {}

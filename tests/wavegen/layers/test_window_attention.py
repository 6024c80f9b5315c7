"""Attention to a window, by blocks and by steps, is the quadratic form under a band."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wavegen.layers.window_attention import window_attention, window_attention_step


def quadratic(q: Tensor, k: Tensor, v: Tensor, first: Tensor, bias: Tensor | None) -> Tensor:
    """All pairs, then those outside the band forgotten: the specification."""
    n_steps, window = q.shape[2], k.shape[2] - q.shape[2] + 1
    column = torch.arange(k.shape[2])
    distance = torch.arange(n_steps)[:, None] + window - 1 - column
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if bias is not None:
        scores = scores + bias[:, distance.clamp(0, window - 1)]
    is_seen = (distance >= 0) & (distance < window) & (column >= first.view(-1, 1, 1, 1))
    return scores.masked_fill(~is_seen, float("-inf")).softmax(-1) @ v


def given(n_steps: int, window: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(n_steps)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    longer = n_steps + window - 1
    return (
        random(2, 3, n_steps, 4),
        random(2, 3, longer, 4),
        random(2, 3, longer, 4),
        random(3, window),
    )


@pytest.mark.parametrize("n_steps", [1, 2, 5, 6, 7, 23])
@pytest.mark.parametrize("has_bias", [False, True])
def test_blocks_are_the_quadratic_form(n_steps: int, has_bias: bool) -> None:
    q, k, v, table = given(n_steps, 6)
    bias = table if has_bias else None
    for first in (torch.tensor([5]), torch.tensor([0, 3])):
        torch.testing.assert_close(
            window_attention(q, k, v, first, bias), quadratic(q, k, v, first, bias)
        )


@pytest.mark.parametrize("has_bias", [False, True])
def test_steps_are_the_quadratic_form(has_bias: bool) -> None:
    q, k, v, table = given(20, 6)
    k[:, :, :5] = v[:, :, :5] = 0
    bias = table if has_bias else None
    expected = quadratic(q, k, v, torch.tensor([5]), bias)
    rings = torch.zeros(2, 2, 5, 12, dtype=torch.float64)
    for t in range(20):
        now = [x[:, :, 5 + t] for x in (k, v)]
        clock = torch.full((2,), t)
        out = window_attention_step(q[:, :, t], *now, *rings, clock, bias)
        torch.testing.assert_close(out, expected[:, :, t])
        for ring, x in zip(rings, now, strict=True):
            ring[:, t % 5] = x.flatten(1)


def test_memory_is_linear_in_length() -> None:
    """No tensor has more than T times twice the window elements for each head."""
    n_steps, window = 1024, 8
    largest = 0

    class Sizes(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, Tensor):
                largest = max(largest, out.numel())
            return out

    q, k, v, _ = given(n_steps, window)
    with Sizes():
        window_attention(q, k, v, torch.tensor([0]))
    assert largest <= 2 * 3 * n_steps * 4 * 2 * window

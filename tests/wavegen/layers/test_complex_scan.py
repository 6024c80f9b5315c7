"""The complex scan equals the recurrence: values and gradients, from any state.

Dimensions: B batch, T steps, N units.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wavegen.layers.complex_scan import complex_scan, complex_step

B, N = 2, 3


def arguments(n_steps: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    rng = torch.Generator().manual_seed(n_steps)
    given = [
        torch.rand(B, n_steps, N, generator=rng, dtype=torch.float64),
        4 * torch.rand(N, generator=rng, dtype=torch.float64),
        torch.randn(B, n_steps, 2, N, generator=rng, dtype=torch.float64),
        torch.randn(B, 2, N, generator=rng, dtype=torch.float64),
    ]
    return [x.to(dtype).requires_grad_() for x in given]


def recurrence(decay: Tensor, phase: Tensor, x: Tensor, state: Tensor) -> Tensor:
    outs = list[Tensor]()
    for t in range(x.shape[1]):
        state = complex_step(decay[:, t], phase, x[:, t], state)
        outs.append(state)
    return torch.stack(outs, 1)


def test_one_step_is_a_product_of_complex_numbers() -> None:
    decay, phase, x, state = arguments(1)
    out = complex_step(decay[:, 0], phase, x[:, 0], state)
    a = torch.polar(decay[:, 0], phase.expand(B, -1))
    expected = a * torch.complex(*state.unbind(1)) + torch.complex(*x[:, 0].unbind(1))
    torch.testing.assert_close(torch.complex(*out.unbind(1)), expected)


@pytest.mark.parametrize("n_steps", [1, 2, 15, 16, 17, 33, 300])
def test_the_scan_equals_the_recurrence(n_steps: int) -> None:
    given = arguments(n_steps)
    out, expected = complex_scan(*given), recurrence(*given)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    weight = torch.randn(out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    slopes, truth = (torch.autograd.grad(y, given, weight) for y in (out, expected))
    torch.testing.assert_close(slopes, truth, rtol=0, atol=1e-10)


def test_long_memories_keep_their_phase() -> None:
    """In float32, with almost no decay, phases are still right after thousands of steps."""
    n_steps = 5_000
    given = [x.detach() for x in arguments(n_steps, torch.float32)]
    given[0] = torch.full((B, n_steps, N), 0.9999)
    exact = complex_scan(*(x.double() for x in given))
    error = (complex_scan(*given) - exact).square().mean().sqrt() / exact.square().mean().sqrt()
    assert float(error) < 2e-6


def test_no_decay_and_full_decay() -> None:
    """A decay of 0 forgets all at once, and leaves no NaN in the gradients."""
    decay, phase, x, state = arguments(40)
    hard = (decay.detach() > 0.5).double().requires_grad_()
    torch.testing.assert_close(
        complex_scan(hard, phase, x, state), recurrence(hard, phase, x, state)
    )
    slopes = torch.autograd.grad(complex_scan(hard, phase, x, state).sum(), (hard, phase, x, state))
    assert all(slope.isfinite().all() for slope in slopes)

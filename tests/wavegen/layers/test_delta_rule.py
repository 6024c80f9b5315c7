"""The chunked delta rule equals the recurrence: values and gradients, from any memory.

Dimensions: B batch, H heads, T steps, K key width, V value width.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from wavegen.layers.delta_rule import delta_rule, delta_step

B, H, K, V = 2, 3, 4, 5


def arguments(n_steps: int, delta: bool, dtype: torch.dtype = torch.float64) -> list[Tensor | None]:
    """Random q, k, v, strength, log_decay and memory, all of which want gradients."""
    rng = torch.Generator().manual_seed(n_steps)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.float64)

    given = [
        F.normalize(random(B, H, n_steps, K), dim=-1),
        F.normalize(random(B, H, n_steps, K), dim=-1),
        random(B, H, n_steps, V),
        random(B, H, n_steps).sigmoid() if delta else None,
        -F.softplus(random(B, H, n_steps)),
        random(B, H, K, V),
    ]
    return [None if x is None else x.to(dtype).requires_grad_() for x in given]


def recurrence(
    q: Tensor, k: Tensor, v: Tensor, strength: Tensor | None, log_decay: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    outs = list[Tensor]()
    for t in range(q.shape[2]):
        b = None if strength is None else strength[:, :, t]
        given = (q[:, :, t], k[:, :, t], v[:, :, t], b, log_decay[:, :, t])
        out, memory = delta_step(*given, memory)
        outs.append(out)
    return torch.stack(outs, 2), memory


@pytest.mark.parametrize("delta", [True, False])
@pytest.mark.parametrize("n_steps", [1, 2, 7, 8, 9, 33])
def test_chunks_equal_the_recurrence(n_steps: int, delta: bool) -> None:
    given = arguments(n_steps, delta)
    out, memory = delta_rule(*given, chunk=8)
    expected = recurrence(*given)
    torch.testing.assert_close((out, memory), expected, rtol=0, atol=1e-12)
    rng = torch.Generator().manual_seed(1)
    weights = [torch.randn(x.shape, generator=rng, dtype=torch.float64) for x in (out, memory)]
    wanted = [x for x in given if x is not None]
    slopes = torch.autograd.grad((out, memory), wanted, weights)
    torch.testing.assert_close(
        slopes, torch.autograd.grad(expected, wanted, weights), rtol=0, atol=1e-11
    )


def test_one_step_is_the_formula_of_the_paper() -> None:
    q, k, v, strength, log_decay, memory = (x[0, 0] for x in arguments(1, True) if x is not None)
    q, k, v, a, b = q[0], k[0], v[0], log_decay[0].exp(), strength[0]
    after = a * (memory - b * torch.outer(k, k) @ memory) + b * torch.outer(k, v)
    one = (q[None, None], k[None, None], v[None, None], b[None, None], log_decay[None])
    out, made = delta_step(*one, memory[None, None])
    torch.testing.assert_close(made[0, 0], after)
    torch.testing.assert_close(out[0, 0], after.mT @ q)


def test_a_memory_that_is_rewritten_keeps_the_last_value() -> None:
    """With b = 1 and a = 1 a key holds one value, whatever was there."""
    key = F.normalize(torch.ones(1, 1, 40, K), dim=-1)
    v = torch.randn(1, 1, 40, V)
    out, _ = delta_rule(
        key, key, v, torch.ones(1, 1, 40), torch.zeros(1, 1, 40), torch.zeros(1, 1, K, V)
    )
    torch.testing.assert_close(out, v)


@pytest.mark.parametrize("delta", [True, False])
def test_splits_do_not_matter(delta: bool) -> None:
    given = arguments(130, delta, torch.float32)
    *steps, memory = given
    with torch.no_grad():
        whole, last = delta_rule(*given)
        for cut in (1, 31, 32, 64, 65, 129):
            first = [None if x is None else x[:, :, :cut] for x in steps]
            rest = [None if x is None else x[:, :, cut:] for x in steps]
            head, middle = delta_rule(*first, memory)
            tail, after = delta_rule(*rest, middle)
            torch.testing.assert_close(torch.cat([head, tail], 2), whole, rtol=0, atol=1e-5)
            torch.testing.assert_close(after, last, rtol=0, atol=1e-5)


def test_hard_forgetting_stays_exact() -> None:
    """Decays of e^-1000 in between: no exponential overflows, no sum loses its small terms."""
    *steps, memory = arguments(64, True, torch.float32)
    log_decay = torch.where(torch.arange(64) % 7 == 0, -1000.0, -0.01).expand(B, H, 64)
    steps[4] = log_decay.clone().requires_grad_()
    out, _ = delta_rule(*steps, memory)
    torch.testing.assert_close(out, recurrence(*steps, memory)[0], rtol=0, atol=1e-5)
    wanted = [x for x in steps if x is not None]
    assert all(slope.isfinite().all() for slope in torch.autograd.grad(out.sum(), wanted))


def test_the_memory_stays_float32_under_autocast() -> None:
    q, k, v, *rest = (x.detach() for x in arguments(40, True, torch.float32) if x is not None)
    small = [x.bfloat16() for x in (q, k, v)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, after = delta_rule(*small, *rest)
    assert out.dtype == after.dtype == torch.float32
    expected, _ = recurrence(*(x.float() for x in small), *rest)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-5)

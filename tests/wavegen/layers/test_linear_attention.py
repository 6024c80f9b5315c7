"""Linear attention by chunks is the quadratic form, from any memory, in value and in gradient."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor

from wavegen.layers import linear_attention as module
from wavegen.layers.linear_attention import (
    LinearMemory,
    empty_memory,
    linear_attention,
    linear_attention_step,
)

Five = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def given(n_steps: int, *, seed: int = 0, batch: int = 2, features: int = 5) -> Five:
    """Positive features, values, and a memory that has seen something, in float64."""
    rng = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.rand(batch, 3, *shape, generator=rng, dtype=torch.float64) + 0.1

    q, k, v = random(n_steps, features), random(n_steps, features), random(n_steps, 4) - 0.6
    return q, k, v, random(features, 4), random(features)


def quadratic(
    q: Tensor, k: Tensor, v: Tensor, s: Tensor, z: Tensor, least_share: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """The same by all pairs: the specification."""
    pairs = (q @ k.mT).tril()
    total = pairs.sum(-1) + (q @ z[..., None]).squeeze(-1)
    if least_share:
        total = total.maximum(least_share * (z[:, :, None] + k.cumsum(2)).norm(dim=-1))
    out = (pairs @ v + q @ s) / (total[..., None] + 1e-6)
    return out, s + k.mT @ v, z + k.sum(2)


def chunked(
    q: Tensor, k: Tensor, v: Tensor, s: Tensor, z: Tensor, least_share: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    out, memory = linear_attention(q, k, v, LinearMemory(s, z), least_share)
    return out, memory.s, memory.z


LENGTHS = (1, 2, 63, 64, 65, 300, 700)


@pytest.mark.parametrize("n_steps", LENGTHS)
@pytest.mark.parametrize("share", [0.0, 0.7])
def test_chunks_are_the_quadratic_form(n_steps: int, share: float) -> None:
    inputs = given(n_steps)
    for x in inputs:
        x.requires_grad_()
    results = [form(*inputs, share) for form in (chunked, quadratic)]
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    rng = torch.Generator().manual_seed(1)
    weights = [torch.randn(x.shape, generator=rng, dtype=x.dtype) for x in results[0]]
    slopes = [
        torch.autograd.grad(
            torch.stack([(x * w).sum() for x, w in zip(r, weights, strict=True)]).sum(), inputs
        )
        for r in results
    ]
    for ours, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.7])
def test_gradients_are_derivatives(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 2)
    monkeypatch.setattr(module, "_LEAST_CHUNKS", 2)
    monkeypatch.setattr(module, "_CHUNKS_AT_ONCE", {})
    monkeypatch.setattr(module, "_CHUNKS_ELSEWHERE", 1)
    inputs = given(7, batch=1, features=3)
    for x in inputs:
        x.requires_grad_()

    def function(*xs: *Five) -> tuple[Tensor, ...]:
        return chunked(*xs, share)

    assert torch.autograd.gradcheck(function, inputs)


def test_any_cut_goes_on_from_the_memory() -> None:
    q, k, v, s, z = given(150)
    expected, end_s, end_z = quadratic(q, k, v, s, z)
    memory, outs = LinearMemory(s, z), list[Tensor]()
    for a, b in ((0, 1), (1, 64), (64, 66), (66, 150)):
        out, memory = linear_attention(q[:, :, a:b], k[:, :, a:b], v[:, :, a:b], memory)
        outs.append(out)
    torch.testing.assert_close(torch.cat(outs, 2), expected)
    torch.testing.assert_close(memory, LinearMemory(end_s, end_z))


@pytest.mark.parametrize("share", [0.0, 0.7])
def test_steps_are_the_quadratic_form(share: float) -> None:
    q, k, v, s, z = given(20)
    expected, *_ = quadratic(q, k, v, s, z, share)
    memory = LinearMemory(s.clone(), z.clone())
    for t in range(20):
        out, memory = linear_attention_step(q[:, :, t], k[:, :, t], v[:, :, t], memory, share)
        torch.testing.assert_close(out, expected[:, :, t])


def test_inputs_of_any_strides() -> None:
    q, k, v, s, z = given(70)

    def turned(x: Tensor) -> Tensor:
        return x.transpose(1, 2).contiguous().transpose(1, 2)

    def strided(x: Tensor) -> Tensor:
        return torch.stack([x, -x], -1)[..., 0]

    for change in (turned, strided):
        some = change(q), change(k), change(v)
        torch.testing.assert_close(chunked(*some, s, z), chunked(q, k, v, s, z))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sums_are_float32_whatever_is_summed(dtype: torch.dtype) -> None:
    """In half precision the sums would stand still after some hundred steps."""
    q, k, v = (x.to(dtype) for x in given(3_000, batch=1)[:3])
    memory = empty_memory(1, 3, 5, 4, q)
    assert {x.dtype for x in memory} == {torch.float32}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, after = linear_attention(q, k, v, memory)
    zeros = [torch.zeros_like(x, dtype=torch.float64) for x in memory]
    expected, s, _ = quadratic(q.double(), k.double(), v.double(), zeros[0], zeros[1])
    torch.testing.assert_close(out.double(), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(after.s.double(), s, rtol=1e-5, atol=1e-5)


def test_the_way_back_is_float32_under_autocast() -> None:
    q, k, v, s, z = given(100)
    inputs = q.float(), k.float(), v.float(), s.float(), z.float()
    for x in inputs:
        x.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = torch.autograd.grad(chunked(*inputs)[0].square().sum(), inputs)
    theirs = torch.autograd.grad(quadratic(*inputs)[0].square().sum(), inputs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("form", ["many", "step"])
def test_queries_that_no_key_answers_give_zeros(form: str) -> None:
    """0 / 0 is settled, on the way back too."""
    q, k = torch.zeros(1, 1, 3, 2, requires_grad=True), torch.ones(1, 1, 3, 2)
    v, memory = torch.ones(1, 1, 3, 2), empty_memory(1, 1, 2, 2, k)
    if form == "many":
        out, _ = linear_attention(q, k, v, memory)
    else:
        out, _ = linear_attention_step(q[:, :, 0], k[:, :, 0], v[:, :, 0], memory)
    assert not out.any()
    assert torch.autograd.grad(out.sum(), q)[0].isfinite().all()


def test_a_normaliser_that_would_reach_zero_does_not() -> None:
    """Features of both signs may cancel; a share of the memory's length keeps the result small."""
    q = torch.tensor([[[[1.0, 0.0]]]])
    k, v = torch.tensor([[[[1e-9, 1.0]]]]), torch.ones(1, 1, 1, 1)
    memory = LinearMemory(torch.full((1, 1, 2, 1), 1.0), torch.zeros(1, 1, 2))
    out, _ = linear_attention(q, k, v, memory, 0.05)
    assert float(out.abs().max()) <= 1 / 0.05


def test_time_is_linear_in_length() -> None:
    """Indexing chunks under autograd makes four times the length take 16 to 23 times as long."""

    def seconds(n_steps: int) -> float:
        q, k, v = (torch.rand(1, 2, n_steps, 8).requires_grad_() for _ in range(3))
        memory, spent = empty_memory(1, 2, 8, 8, q), list[float]()
        for _ in range(5):
            begin = time.process_time()
            linear_attention(q, k, v, memory)[0].sum().backward()
            spent.append(time.process_time() - begin)
        return min(spent)

    assert seconds(65_536) < 8 * seconds(16_384)

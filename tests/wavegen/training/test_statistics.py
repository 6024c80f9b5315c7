"""Schedule, averaged weights, Muon and baselines, against what can be worked out by hand."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from wavegen.heads import Categorical, Gaussian
from wavegen.memory_domain import MemorySplit
from wavegen.training import baselines as baselines_module
from wavegen.training.baselines import baselines
from wavegen.training.config import TrainerConfig
from wavegen.training.ema import Ema
from wavegen.training.muon import Muon, orthogonal
from wavegen.training.optimizers import optimizers
from wavegen.training.schedule import learning_rate_share

SCHEDULES = ("cosine", "one-cycle", "constant")


@given(st.sampled_from(SCHEDULES), st.floats(-1, 2), st.floats(0, 0.99))
def test_a_share_lies_between_0_and_1(schedule: str, progress: float, warmup: float) -> None:
    assert 0 <= learning_rate_share(schedule, progress, warmup) <= 1


@pytest.mark.parametrize(
    ("schedule", "warmup", "shares"),
    [
        ("cosine", 0.0, {0: 1, 0.5: 0.5, 1: 0}),
        ("cosine", 0.1, {0: 0, 0.05: 0.5 * (1 + math.cos(0.05 * math.pi)) / 2, 0.5: 0.5, 1: 0}),
        ("constant", 0.0, {0: 1, 0.5: 1, 1: 1}),
        ("constant", 0.2, {0: 0, 0.1: 0.5, 0.2: 1, 1: 1}),
        ("one-cycle", 0.5, {0: 0.04, 0.15: 0.52, 0.3: 1, 0.65: 0.5, 1: 0}),
    ],
)
def test_schedules(schedule: str, warmup: float, shares: dict[float, float]) -> None:
    for progress, share in shares.items():
        assert learning_rate_share(schedule, progress, warmup) == pytest.approx(share)


def test_average_is_the_weighted_sum_of_all_weights() -> None:
    module = nn.Linear(1, 1, bias=False)
    ema = Ema(module, 0.5)
    values = [3.0, -1.0, 4.0, 1.0, 5.0, -9.0, 2.0, 6.0, 5.0, 3.0, 5.0, 8.0, 9.0, 7.0]
    expected = module.weight.item()
    for update, value in enumerate(values, 1):
        nn.init.constant_(module.weight, value)
        ema.update()
        memory = min(0.5, update / (update + 10))
        expected = memory * expected + (1 - memory) * value
    assert float(ema.average["weight"]) == pytest.approx(expected)
    assert ema.updates == len(values)


def test_averages_are_applied_for_a_while() -> None:
    module = nn.Linear(2, 2)
    ema = Ema(module, 0.9)
    first = {name: p.detach().clone() for name, p in module.named_parameters()}
    nn.init.constant_(module.weight, 7.0)
    with ema.applied():
        assert torch.equal(module.weight, first["weight"])
    assert module.weight.eq(7.0).all()
    assert torch.equal(ema.average["weight"], first["weight"])


def test_a_saved_average_goes_on() -> None:
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    ours, theirs = Ema(one, 0.9), Ema(other, 0.9)
    ours.update()
    theirs.load(ours.average, ours.updates)
    assert theirs.updates == 1
    assert torch.equal(theirs.average["bias"], ours.average["bias"])
    assert theirs.average["bias"] is not ours.average["bias"]


@pytest.mark.parametrize("shape", [(8, 8), (3, 20, 8), (2, 8, 20)])
def test_muon_makes_all_directions_alike(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    scales = torch.logspace(-1, 1, shape[-1])
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape) * scales))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_muon_goes_down_each_matrix_of_a_stack_by_itself() -> None:
    torch.manual_seed(0)
    stack = nn.Parameter(torch.randn(2, 4, 6))
    single = nn.Parameter(stack[1].detach().clone())
    both = [Muon([stack], 0.1), Muon([single], 0.1)]
    for _ in range(3):
        for optimizer, weight in zip(both, (stack[1], single), strict=True):
            optimizer.zero_grad()
            (weight.square().sum() / 2).backward()
            optimizer.step()
    torch.testing.assert_close(stack[1], single)
    assert stack[1].norm() < 5.0


def test_every_optimizer_has_its_own_decay() -> None:
    module = nn.Linear(2, 2)
    hidden = [module.weight]
    config = TrainerConfig(weight_decay=0.3, muon_decay=0.2)
    adam, muon = optimizers(module, hidden, config)
    assert [group["weight_decay"] for group in adam.param_groups] == [0.3, 0.0]
    assert [group["decay"] for group in muon.param_groups] == [0.2]
    module.weight.grad = torch.zeros(2, 2)
    before = module.weight.detach().clone()
    muon.step()
    torch.testing.assert_close(module.weight, before * (1 - config.muon_lr * 0.2))


def brute_force(n: int, train: list[list[int]], valid: list[list[int]]) -> dict[str, float]:
    """The definitions, symbol by symbol."""
    pairs = Counter(pair for x in train for pair in pairwise(x))
    into, out_of = Counter[int](), Counter[int]()
    for (a, b), count in pairs.items():
        into[b] += count
        out_of[a] += count
    p0 = {c: (into[c] + 0.5) / (into.total() + 0.5 * n) for c in range(n)}
    cost_0 = cost_1 = count = 0.0
    for x in valid:
        for a, b in pairwise(x):
            cost_0 -= math.log2(p0[b])
            cost_1 -= math.log2((pairs[a, b] + p0[b]) / (out_of[a] + 1))
            count += 1
    found = {"uniform": math.log2(n)}
    return found | {"order-0": cost_0 / count, "order-1": cost_1 / count} if count else found


texts = st.lists(st.lists(st.integers(0, 3), max_size=20), max_size=3)


def split(sequences: list[list[int]]) -> MemorySplit:
    return MemorySplit({str(i): torch.tensor(x) for i, x in enumerate(sequences)})


@settings(max_examples=60)
@given(texts, texts, st.integers(1, 7))
def test_baselines(train: list[list[int]], valid: list[list[int]], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines_module, "_BLOCK", block)  # every pair once, wherever it is cut
        found = baselines(Categorical(4), split(train), split(valid))
    assert found == pytest.approx(brute_force(4, train, valid))


def test_order_1_knows_what_follows() -> None:
    alternating = [0, 1] * 500
    found = baselines(Categorical(2), split([alternating]), split([alternating]))
    assert found["uniform"] == 1.0
    assert found["order-0"] == pytest.approx(1.0, abs=0.01)
    assert found["order-1"] == pytest.approx(0.0, abs=0.01)


def test_real_values_have_no_baselines() -> None:
    x = MemorySplit({"a": torch.from_numpy(np.zeros(9, dtype=np.float32))})
    assert baselines(Gaussian(), x, x) == {}

"""Memories stay float32 where a model computes in half precision: sums would stand still in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from wavegen import state as trees
from wavegen.model import SequenceModel, SequenceSpec
from wavegen.models.gated_delta import GatedDelta, GatedDeltaState
from wavegen.models.gated_delta_config import GatedDeltaConfig
from wavegen.models.multiscale import Multiscale, MultiscaleState
from wavegen.models.multiscale_config import MultiscaleConfig

SPEC = SequenceSpec(256, 256)
Build = Callable[[], SequenceModel[Any]]


def gated_delta() -> GatedDelta:
    config = GatedDeltaConfig(layers=1, width=32, heads=2, key_width=16, value_width=16)
    return GatedDelta(config, SPEC)


def multiscale() -> Multiscale:
    return Multiscale(MultiscaleConfig(width=8, pools=(2, 3), layers=(1, 1, 1)), SPEC)


def memories(state: GatedDeltaState | MultiscaleState) -> tuple[Tensor, ...]:
    return state.memories if isinstance(state, GatedDeltaState) else state.hidden


@pytest.mark.parametrize("build", [gated_delta, multiscale])
def test_it_trains_in_bfloat16(build: Build) -> None:
    torch.manual_seed(0)
    model = build()
    x = torch.randint(256, (2, 70))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(x)
        _, state = model.prefill(x, model.init_state(2))
    F.cross_entropy(out.float().flatten(0, 1), x.flatten()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert {leaf.dtype for leaf in trees.leaves(state).values()} == {torch.float32, torch.int64}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("build", [gated_delta, multiscale])
def test_half_a_model_has_whole_memories(build: Build, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = build().eval().to(dtype)
    x, state = torch.randint(256, (1, 40)), model.init_state(1)
    with torch.inference_mode():
        whole = model(x)
        assert whole.dtype == dtype
        for t in range(40):
            out, state = model.step(x[:, t], state)
            assert out.dtype == dtype
        _, prefilled = model.prefill(x, model.init_state(1))
    torch.testing.assert_close(out, whole[:, -1], rtol=0.05, atol=0.1)
    for after in (state, prefilled):
        assert {memory.dtype for memory in memories(after)} == {torch.float32}

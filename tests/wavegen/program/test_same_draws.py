"""The program draws what PyTorch draws, for the same seed, with every head and every control.

The program plays freely; PyTorch then looks at each step of what it played. Draws may differ only
where the uniform lies within rounding of an edge between two classes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from wavegen.controls import Controls
from wavegen.engines.arena import StateLayout
from wavegen.heads import Categorical, Gaussian, Head, MixtureOfLogistics, StudentT
from wavegen.model import SequenceSpec
from wavegen.models.wavenet import WaveNet
from wavegen.models.wavenet_config import WaveNetConfig
from wavegen.native import library
from wavegen.noise import uniforms
from wavegen.program.lowering import lower
from wavegen.sampling import ControlBatch, probabilities
from wavegen.testing.inputs import awaken

SEED = 11
CONTROLS = {
    "plain": Controls(),
    "temperature": Controls(temperature=0.7),
    "greedy": Controls(temperature=0),
    "top k": Controls(top_k=5),
    "top p": Controls(top_p=0.8),
    "min p": Controls(min_p=0.1),
    "typical p": Controls(typical_p=0.7),
    "all": Controls(temperature=1.2, top_k=20, top_p=0.9, min_p=0.02, typical_p=0.9),
}


SYMBOLS = Categorical(64)
HEADS = (MixtureOfLogistics(5), MixtureOfLogistics(5, 256), Gaussian(1), Gaussian(3), StudentT())


@cache
def build(head: Head) -> WaveNet:
    config = WaveNetConfig(
        stacks=2, layers=5, residual_channels=12, gate_channels=24, skip_channels=32
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = WaveNet(config, SequenceSpec(head.n_params, head.n_classes))
    awaken(model)
    return model.eval()


@cache
def opened(model: WaveNet, head: Head) -> library.Program:
    """The program, lowered once for all tests of a model."""
    try:
        return library.Program(lower(model, head).to_bytes())
    except library.NativeUnavailable as reason:
        pytest.skip(str(reason))


def play(model: WaveNet, head: Head, controls: Controls, n_steps: int) -> tuple[Tensor, Tensor]:
    """What the program draws after symbol 0, `(T,)`, and its parameters `(T, P)`."""
    program = opened(model, head)
    with torch.no_grad():
        state = StateLayout(program.header).pack(model.init_state(1))
    events = np.zeros((n_steps, 1), program.event_type)
    params = np.zeros((n_steps, head.n_params), np.float32)
    event = np.zeros(1, program.event_type)
    slot = library.Slot(
        state=state, event=event, seed=SEED, controls=controls, events=events, params=params
    )
    program.runner().advance([slot], n_steps)
    return torch.from_numpy(events[:, 0]), torch.from_numpy(params)


def expected(
    model: WaveNet, head: Head, controls: Controls, x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """PyTorch's parameters `(T, P)`, noise `(T, U)` and draws `(T,)` along x `(T,)`."""
    taken = torch.cat([torch.zeros(1, dtype=x.dtype), x[:-1]])
    noise = torch.from_numpy(uniforms([SEED], [0], len(x), head.n_uniforms))[0]
    with torch.no_grad():
        params = model.forward(taken[None])[0]
        drawn = head.draw(params, noise, ControlBatch.of([controls] * len(x)))
    return params, noise, drawn


def check_symbols(n_steps: int, controls: Controls) -> None:
    model = build(SYMBOLS)
    x, params = play(model, SYMBOLS, controls, n_steps)
    truth, noise, drawn = expected(model, SYMBOLS, controls, x)
    scale = float(truth.square().mean().sqrt())
    torch.testing.assert_close(params, truth, rtol=0, atol=1e-4 * scale)
    assert len(x.unique()) > 3 or controls.temperature == 0, "the voice says something"
    weights = probabilities(truth, ControlBatch.of([controls] * n_steps)).double()
    edges = weights.cumsum(-1) / weights.sum(-1, keepdim=True)
    apart = (edges - noise.double()[:, :1]).abs().amin(-1)
    differ = x != drawn
    # A truncation may itself lie within rounding of its limit, which moves all edges at once.
    allowed = 3 if controls.truncates else 0
    unexplained = int((differ & (apart > 1e-4)).sum())
    assert unexplained <= allowed, f"{unexplained} of {n_steps} draws differ"
    assert int(differ.sum()) <= 0.002 * n_steps


@pytest.mark.parametrize("name", CONTROLS)
def test_the_same_symbols_under_every_control(name: str) -> None:
    check_symbols(1_000, CONTROLS[name])


def test_the_same_symbols_over_ten_thousand_steps() -> None:
    check_symbols(10_000, Controls())


@pytest.mark.parametrize(
    "head", HEADS, ids=lambda head: f"{type(head).__name__} {head.extra_repr()}".strip()
)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.0])
def test_the_same_values_from_every_head(head: Head, temperature: float) -> None:
    controls = Controls(temperature=temperature)
    model = build(head)
    x, params = play(model, head, controls, 500)
    truth, _, drawn = expected(model, head, controls, x)
    scale = float(truth.square().mean().sqrt())
    torch.testing.assert_close(params, truth, rtol=0, atol=1e-4 * scale)
    # Another component, or another step of a quantiser, may be chosen within rounding of an edge.
    differ = (x - drawn).abs() > 1e-3 * drawn.abs().clamp_min(1)
    assert int(differ.sum()) <= 2, f"{int(differ.sum())} of 500 values differ"

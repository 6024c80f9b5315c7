"""The linear transformer's sizes, settings and long runs; the laws are tested in contract/."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from wavegen import state as trees
from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.models.linear_transformer import LinearTransformer, LinearTransformerState
from wavegen.models.linear_transformer_config import PRESETS, LinearTransformerConfig
from wavegen.testing.inputs import random_inputs
from wavegen.testing.programs import program_of, run_program

CLASSES = SequenceSpec(256, 256)
SMALL: dict[str, Any] = {"layers": 2, "width": 8, "heads": 2, "feed_forward": 12}


def build(spec: SequenceSpec = CLASSES, **settings: Any) -> LinearTransformer:
    torch.manual_seed(0)
    return LinearTransformer(parse(LinearTransformerConfig, settings, "model"), spec).eval()


def test_reference_size() -> None:
    model = build(**PRESETS["T"])
    assert sum(p.numel() for p in model.parameters()) == 6_449_920
    assert trees.n_bytes(model.init_state(1)) == 8 * 8 * (32 * 32 + 32) * 4 + 256 * 4 + 8


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_model_that_plays(preset: str) -> None:
    model = build(**PRESETS[preset])
    with torch.inference_mode():
        out, _ = model.step(torch.zeros(2, dtype=torch.int64), model.init_state(2))
    assert out.shape == (2, 256)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"width": 10, "heads": 4}, "4 heads cannot share it"),
        ({"width": 6, "heads": 2, "positions": "rotary"}, "even width of each head"),
        ({"width": 5, "heads": 1}, "sinusoidal positions need an even"),
        ({"fourier_features": 3}, "fourier_features is 3"),
        ({"layers": 0}, "layers is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"feature_map": "softmax"}, "feature_map"),
    ],
)
def test_settings_that_make_no_network(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        build(**settings)


def test_learned_positions_end_at_the_last_row() -> None:
    """Beyond the table a step plays on, at the table's last place."""
    model = build(**SMALL, positions="learned", learned_positions=6)
    state = model.init_state(1)
    with torch.inference_mode():
        late = state._replace(clock=state.clock + 10**6)
        last = state._replace(clock=state.clock + 5)
        outs = [model.step(torch.tensor([3]), trees.fork(s))[0] for s in (late, last, state)]
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_a_model_has_whole_sums(dtype: torch.dtype) -> None:
    model = build(**SMALL).to(dtype)
    state = model.init_state(1)
    assert all(x.dtype == torch.float32 for memory in state.layers for x in memory)
    with torch.inference_mode():
        for _ in range(3):
            out, state = model.step(torch.tensor([3]), state)
            assert out.dtype == dtype
    assert all(x.dtype == torch.float32 for memory in state.layers for x in memory)


def test_no_einsum_in_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """With three operands each one looks for the best order anew, which takes 0.1 ms."""

    def refuse(*_: object) -> None:
        raise AssertionError("an einsum in a step")

    model = build(**SMALL)
    monkeypatch.setattr(torch, "einsum", refuse)
    with torch.inference_mode():
        model.step(torch.tensor([3]), model.init_state(1))


@pytest.mark.parametrize("feature_map", ["elu", "relu", "squared_relu", "polynomial", "fourier"])
@pytest.mark.parametrize("size", [0.0, 1e-3, 100.0])
def test_nothing_is_divided_by_zero(feature_map: str, size: float) -> None:
    """Whatever queries and keys become, the output stays finite, and so do gradients."""
    model = build(**SMALL, feature_map=feature_map)
    with torch.no_grad():
        for block in model.blocks:
            block.input_weight.mul_(size)  # pyright: ignore
            block.input_bias.fill_(-size)  # pyright: ignore
    out = model(torch.randint(256, (1, 200)))
    out.square().mean().backward()
    assert out.isfinite().all()
    assert float(out.detach().abs().max()) < 1e3
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


CANCELS = pytest.mark.xfail(
    raises=AssertionError,
    strict=True,
    reason="features of both signs cancel in sums of float32: 1.4e-4 and 3.1e-4 were measured",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "feature_map",
    [
        "elu",
        "relu",
        pytest.param("polynomial", marks=CANCELS),
        pytest.param("fourier", marks=CANCELS),
    ],
)
def test_a_million_steps_do_not_drift(feature_map: str) -> None:
    """The native program, beside the same weights and symbols in float64."""
    native_drift(feature_map, 1_000_000)


def test_many_steps_do_not_drift() -> None:
    native_drift("elu", 30_000)


def native_drift(feature_map: str, n_steps: int) -> None:
    spec, settings = SequenceSpec(3, None), {**SMALL, "feature_map": feature_map}
    model, exact = build(spec, **settings), build(spec, **settings).double()
    given = random_inputs(spec, 1, n_steps)
    with torch.inference_mode():
        params, _ = run_program(program_of(model), given, model.init_state(1))
        memory, outs = exact.init_state(1), list[torch.Tensor]()
        for part in given.x.double().split(20_000, 1):
            out, memory = exact.prefill(part, memory)
            outs.append(out)
    ours, truth = params[:, 19_999::20_000].double(), torch.stack(outs, 1)[:, : n_steps // 20_000]
    error = (ours - truth).abs().amax((0, 2)) / truth.square().mean().sqrt()
    assert float(error.max()) < 1e-4


def test_state_is_what_it_says() -> None:
    state = build(**SMALL).init_state(3)
    assert isinstance(state, LinearTransformerState)
    assert [x.shape for x in state.layers[0]] == [(3, 2, 4, 4), (3, 2, 4)]


# Said by the compiler of PyTorch 2.13 to itself.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_it_compiles_in_one_piece() -> None:
    """Forwards and on the way back, with nothing left to the interpreter."""
    model, x = build(**SMALL), torch.randint(256, (2, 70))
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    slopes = [
        torch.autograd.grad(f(x).square().mean(), model.output.weight)[0] for f in (compiled, model)
    ]
    torch.testing.assert_close(*slopes)

"""The WaveNet's sizes, settings and cost; the laws of the contract are tested in contract/."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from wavegen import state as trees
from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.models.wavenet import WaveNet
from wavegen.models.wavenet_config import PRESETS, WaveNetConfig

CLASSES = SequenceSpec(256, 256)
SMALL = {"stacks": 1, "layers": 3, "residual_channels": 6, "gate_channels": 8, "skip_channels": 10}


def build(spec: SequenceSpec = CLASSES, **settings: Any) -> WaveNet:
    torch.manual_seed(0)
    return WaveNet(parse(WaveNetConfig, settings, "model"), spec)


@pytest.mark.parametrize(
    ("preset", "parameters", "field"),
    [("S", 413_088, 2047), ("M", 1_267_392, 3070), ("L", 3_240_448, 505)],
)
def test_reference_sizes(preset: str, parameters: int, field: int) -> None:
    model = build(**PRESETS[preset])
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model.receptive_field == field


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_model_that_plays(preset: str) -> None:
    model = build(**PRESETS[preset]).eval()
    with torch.inference_mode():
        params, _ = model.step(torch.zeros(1, dtype=torch.int64), model.init_state(1))
    assert params.shape == (1, 256)
    assert params.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stacks": 0}, "model.stacks is 0; it must be 1 to 65536"),
        ({"layers": 0}, "model.layers is 0; it must be 1 to 65536"),
        ({"residual_channels": 0}, "model.residual_channels is 0; it must be 1 to 65536"),
        ({"gate_channels": 65537}, "model.gate_channels is 65537; it must be 1 to 65536"),
        ({"skip_channels": -1}, "model.skip_channels is -1; it must be 1 to 65536"),
        ({"output_channels": -1}, "model.output_channels is -1; it must be 0 to 65536"),
        ({"kernel": 1}, "model.kernel is 1; it must be 2 to 1024"),
        ({"gate_channels": 7}, "model.gate_channels is 7; a gated unit needs an even number"),
        ({"dropout": 1.0}, "model.dropout is 1.0; it must be 0 or above, below 1"),
        ({"layers": 25}, "model.layers is 25 and model.stacks 2; .* at most 24 layers and 1000"),
        ({"stacks": 1001}, "model.layers is 10 and model.stacks 1001; .* at most 24 layers"),
        ({"cond_layers": 17}, "model.cond_layers is 17; it must be 0 to 16"),
        ({"dilations": (1, 0)}, "model.dilations must be at most 1000 numbers from 1 to 2"),
        ({"dilations": (1,) * 1001}, "model.dilations must be at most 1000 numbers"),
        ({"activation": "tanh"}, "model.activation: .* 'gated' or 'relu'"),
        ({"dropout": float("nan")}, "model.dropout"),
    ],
)
def test_sizes_that_make_no_network_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        parse(WaveNetConfig, settings, "model")
    assert "\n" not in str(raised.value)


def test_relu_takes_an_odd_width() -> None:
    assert build(**SMALL | {"gate_channels": 7, "activation": "relu"}).shape.gated is False


def test_dilations_are_free_or_powers_of_two() -> None:
    assert build(**SMALL | {"stacks": 2}).shape.dilations == (1, 2, 4, 1, 2, 4)
    model = build(**SMALL, dilations=(3, 1), kernel=3)
    assert (model.shape.dilations, model.receptive_field) == ((3, 1), 9)


def test_weight_norm_changes_nothing_at_first() -> None:
    plain, normed = build(**SMALL), build(**SMALL, weight_norm=True)
    x = torch.randint(256, (2, 20))
    torch.testing.assert_close(normed(x), plain(x))
    names = {name for name, _ in normed.named_parameters()}
    for part in ("gate_weight", "residual_weight", "skip_weight"):
        assert {f"parametrizations.{part}.original{i}" for i in (0, 1)} <= names
    length = normed.parametrizations["gate_weight"].original0
    with torch.no_grad():
        length.mul_(2)
    torch.testing.assert_close(normed.gate_weight, 2 * plain.gate_weight)


def test_without_skips_only_the_last_layer_is_heard() -> None:
    model = build(**SMALL, skip=False, residual=True)
    assert model.skip_weight.shape[0] == 1
    whole = build(**SMALL)
    assert whole.skip_weight.shape[0] == 3
    with torch.no_grad():  # the same network, once the other layers' skips are silent
        for name, value in model.named_parameters():
            target = dict(whole.named_parameters())[name]
            target[-1:].copy_(value) if name.startswith("skip") else target.copy_(value)
        whole.skip_weight[:-1] = 0
        whole.skip_bias[:-1] = 0
    x = torch.randint(256, (2, 20))
    torch.testing.assert_close(model(x), whole(x))


def test_without_residuals_the_input_is_gone_after_a_silent_layer() -> None:
    x = torch.randint(256, (2, 20))
    for residual in (True, False):
        model = build(**SMALL, skip=False, residual=residual)
        with torch.no_grad():
            model.residual_weight.zero_()
        out = model(x)
        is_constant = torch.allclose(out, out[:1, :1].expand_as(out))
        assert is_constant is not residual


class Work(TorchFunctionMode):
    """Writes down each operation and the sizes of what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[str, object]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        size = tuple(out.shape) if isinstance(out, torch.Tensor) else None
        self.done.append((str(func), size))
        return out


@pytest.mark.parametrize("kernel", [2, 3])
def test_a_step_costs_the_same_at_any_clock(kernel: int) -> None:
    model = build(SequenceSpec(256, 256, cond_channels=2), **SMALL, kernel=kernel, cond_layers=1)
    x, cond = torch.zeros(1, dtype=torch.int64), torch.zeros(1, 2)

    def work(clock: int) -> tuple[list[tuple[str, object]], int]:
        state = model.init_state(1)._replace(clock=torch.tensor([clock]))
        with torch.no_grad(), Work() as work:
            _, after = model.step(x, state, cond)
        assert after.clock.tolist() == [clock + 1]
        return work.done, trees.n_bytes(after)

    early, late = work(10), work(10_000_000)
    assert len(early[0]) > 20
    assert early == late


def test_static_condition_must_be_given() -> None:
    model = build(SequenceSpec(256, 256, static_classes=3), **SMALL)
    with pytest.raises(ConfigError, match=r"static condition .* none was given; name one"):
        model(torch.zeros(1, 5, dtype=torch.int64))


def test_only_weights_between_hidden_channels_are_for_muon() -> None:
    model = build(**SMALL)
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)] for p in model.hidden_weights()} == {
        "gate_weight",
        "residual_weight",
        "skip_weight",
        "output_hidden.weight",
    }
    assert build(**SMALL, weight_norm=True).hidden_weights() == []

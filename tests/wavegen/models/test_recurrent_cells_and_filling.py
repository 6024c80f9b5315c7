"""Recurrent nets: a cell of one's own, filling in, settings; the laws are tested in contract/."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.hookspecs import ModelSpec, hookimpl
from wavegen.layers.recurrent_cells import Cell, State
from wavegen.model import SequenceModel, SequenceSpec
from wavegen.models.bidirectional import Bidirectional
from wavegen.models.recurrent import Recurrent
from wavegen.models.recurrent_config import PRESETS, RecurrentConfig
from wavegen.plugins import Plugins
from wavegen.testing import SPECS, contract_for_model
from wavegen.testing.inputs import random_inputs

CLASSES = SequenceSpec(256, 256)


# A plugin as anybody may write it: a cell of one's own as a model that trains, plays and lowers.


class MinimalGated(Cell):
    """One gate that both forgets and lets in (Zhou et al. 2016)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(width)
        self.gate, self.new = (nn.Linear(inputs + width, width) for _ in range(2))

    def step(self, z: Tensor, state: State) -> State:
        (h,) = state
        f = self.gate(torch.cat([z, h], 1)).sigmoid()
        new = self.new(torch.cat([z, f * h], 1)).tanh()
        return (h + f * (new - h),)


@hookimpl
def wavegen_models() -> Iterable[ModelSpec]:
    yield ModelSpec("minimal-gated", RecurrentConfig, build_minimal_gated, "a net with one gate")


def build_minimal_gated(config: RecurrentConfig, spec: SequenceSpec) -> SequenceModel[Any]:
    return Recurrent(config, spec, MinimalGated)


# The plugin ends here.

OWN = ModelSpec(
    "minimal-gated", RecurrentConfig, build_minimal_gated, "", {"tiny": {"width": 8, "layers": 2}}
)


class TestOwnCell(contract_for_model(OWN)):
    long_run = 100


def build(spec: SequenceSpec = CLASSES, **settings: Any) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(parse(RecurrentConfig, settings, "model"), spec)


def fill_in(spec: SequenceSpec, **settings: Any) -> Bidirectional:
    torch.manual_seed(0)
    return Bidirectional(RecurrentConfig(bidirectional=True, **settings), spec)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_model_that_plays(preset: str) -> None:
    model = build(**PRESETS[preset]).eval()
    with torch.inference_mode():
        params, _ = model.step(torch.zeros(1, dtype=torch.int64), model.init_state(1))
    assert params.shape == (1, 256)
    assert params.isfinite().all()


def test_reference_size() -> None:
    assert sum(p.numel() for p in build(**PRESETS["G"]).parameters()) == 2_724_096


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "model.layers is 0; it must be 1 to 64"),
        ({"width": 0}, "model.width is 0; it must be 1 to 65536"),
        ({"embedding": 70000}, "model.embedding is 70000; it must be 0 to 65536"),
        ({"dropout": 1.0}, "model.dropout is 1.0; it must be 0 or above, below 1"),
        ({"zoneout": -0.1}, "model.zoneout is -0.1; it must be 0 or above, below 1"),
        ({"peepholes": True}, "model.peepholes needs model.cell lstm, but it is gru"),
        ({"activation": "relu"}, "model.activation relu needs model.cell rnn, but it is gru"),
        ({"cell": "mgu"}, "model.cell: .* 'rnn', 'lstm' or 'gru'"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        parse(RecurrentConfig, settings, "model")
    assert "\n" not in str(raised.value)


def test_without_an_embedding_the_cells_alone_have_parameters() -> None:
    config = RecurrentConfig(cell="lstm", layers=2, width=20, embedding=0)
    model = Recurrent(config, SequenceSpec(n_params=5, n_classes=None))
    assert sum(p.numel() for p in model.parameters()) == 1760 + 3280 + 105  # Keras says the same
    with pytest.raises(ConfigError, match="embedding is 0, but symbols are 7 classes"):
        Recurrent(config, SequenceSpec(n_params=7, n_classes=7))


def test_hidden_weights_are_what_cells_multiply_with() -> None:
    shapes = [tuple(w.shape) for w in build(layers=2, width=8, embedding=6).hidden_weights()]
    assert shapes == [(6, 24), (8, 24), (8, 24), (8, 24)]


@pytest.mark.parametrize("kind", SPECS)
def test_filling_in_never_sees_the_symbol_it_predicts(kind: str) -> None:
    spec = SPECS[kind]
    model = fill_in(spec, width=8, embedding=6).eval()
    given = random_inputs(spec, 2, 9)
    with torch.no_grad():
        before = model(*given)
        assert before.shape == (2, 9, spec.n_params)
        for t in range(9):
            x = given.x.clone()
            x[:, t] = x[:, t] + 1 if spec.n_classes is None else (x[:, t] + 1) % spec.n_classes
            changed = (model(x, given.cond, given.static) - before).abs().amax((0, 2)) > 1e-7
            assert changed.tolist() == [i != t - 1 for i in range(9)]


def test_filling_in_refuses_to_generate() -> None:
    model = fill_in(CLASSES, width=8, embedding=6)
    with pytest.raises(ConfigError, match="needs the symbols after the one it predicts"):
        model.init_state(1)
    with pytest.raises(ConfigError, match=r"--model\.bidirectional false"):
        model.step(torch.zeros(1, dtype=torch.int64), torch.empty(0))


def test_the_config_chooses_the_direction() -> None:
    spec = Plugins().model("recurrent").spec
    for both, kind in ((False, Recurrent), (True, Bidirectional)):
        config = RecurrentConfig(width=8, embedding=6, bidirectional=both)
        assert isinstance(spec.build(config, CLASSES), kind)


def test_both_sides_fill_in_better_than_one() -> None:
    """A noisy wave: the value between two others is known better than the one after many."""
    spec = SequenceSpec(n_params=1, n_classes=None)
    rng = torch.Generator().manual_seed(0)
    phase = 6 * torch.rand(64, 1, generator=rng)
    rate = 0.3 + 0.6 * torch.rand(64, 1, generator=rng)
    x = torch.sin(phase + rate * torch.arange(30)) + 0.2 * torch.randn(64, 30, generator=rng)
    errors = []
    for model in (build(spec, layers=1, width=16), fill_in(spec, layers=1, width=16)):
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            error = (model(x[:48])[:, 9:19, 0] - x[:48, 10:20]).square().mean()
            error.backward()
            optimizer.step()
        with torch.no_grad():
            errors.append(float((model(x[48:])[:, 9:19, 0] - x[48:, 10:20]).square().mean()))
    assert errors[1] < 0.9 * errors[0]

"""The model `chorale` keeps every law of the kit, with any backbone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from wavegen_chorales.model import Chorale
from wavegen_chorales.model_config import PRESETS, ChoraleConfig

from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.testing import ModelContract

GRU = ("layers=1", "width=8", "embedding=6")
VARIANTS = {
    "gru": ChoraleConfig("recurrent", GRU, memory=24, ahead=5),
    "short memory": ChoraleConfig("recurrent", GRU, memory=3),
    "no memory, no past": ChoraleConfig("recurrent", GRU, memory=0, past=False),
    "wavenet": ChoraleConfig(
        backbone_options=("stacks=1", "layers=3", "residual_channels=4", "gate_channels=8",
                          "skip_channels=8"),
        memory=24,
    ),
}  # fmt: skip
PAIRS = SequenceSpec(n_params=5 + 2 * 12, n_classes=12, event_shape=(2,), static_classes=3)
CHORALES = SequenceSpec(n_params=5 + 4 * 47, n_classes=47, event_shape=(4,))
HELD = SequenceSpec(n_params=5 + 4 * 93, n_classes=93, event_shape=(4,), cond_channels=3)


def build(config: ChoraleConfig, spec: SequenceSpec) -> Chorale:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Chorale(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> Chorale:
        return build(VARIANTS[request.param], PAIRS)


class TestAlphabets(ModelContract):
    long_run = 300

    @pytest.fixture(params=(CHORALES, HELD), ids=("pitches", "held"))
    def model(self, request: pytest.FixtureRequest) -> Chorale:
        return build(VARIANTS["gru"], request.param)


def test_conditions_are_read_from_the_end() -> None:
    """A note that is given later changes what is predicted now, and nothing else does."""
    model = build(VARIANTS["gru"], HELD)
    assert model.looks_ahead
    cond = torch.zeros(1, 20, 3)
    later = cond.clone()
    later[:, 12] = 1
    with torch.no_grad():
        change = (model.look_ahead(later) - model.look_ahead(cond)).abs().sum(-1)[0]
    assert bool((change[:13] > 0).all())
    assert float(change[13:].max()) == 0


def test_without_conditions_nothing_is_ahead() -> None:
    assert not build(VARIANTS["gru"], PAIRS).looks_ahead
    assert not build(ChoraleConfig("recurrent", GRU, ahead=0), HELD).looks_ahead


def test_the_backbone_does_not_hear_every_note_in_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = torch.randint(1, 47, (8, 100, 4))
    heard: list[torch.Tensor] = []

    def tail(x: torch.Tensor, keep: int, *_: Any) -> torch.Tensor:
        heard.append(x)
        return torch.zeros(len(x), keep, CHORALES.n_params)

    for forget in (0.0, 0.4):
        model = build(ChoraleConfig("recurrent", GRU, forget=forget), CHORALES)
        monkeypatch.setattr(model.backbone, "tail", tail)
        model.train()(x)
        model.eval()(x)
    shares = [float((row != x).float().mean()) for row in heard]
    assert shares[:2] == [0.0, 0.0]
    assert shares[2] == pytest.approx(0.4, abs=0.05)
    assert shares[3] == 0.0


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"forget": 1.0}, "model.forget is 1.0; it must be 0 or above, below 1"),
        ({"backbone": "chorale"}, "model.backbone is chorale itself"),
        ({"backbone_options": ("width",)}, "has 'width'; write NAME=VALUE"),
        ({"backbone_options": ("width=1", "width=2")}, "each name once"),
        ({"memory": -1}, "model.memory is -1; it must be 0 to 65536"),
        ({"gather": 0}, "model.gather is 0; it must be 1 to 4096"),
    ],
)
def test_settings_that_make_no_model(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ChoraleConfig(**config)


def test_a_wrong_setting_of_the_backbone_is_named() -> None:
    with pytest.raises(ConfigError, match=r"model.backbone_options.widht: .* did you mean"):
        build(ChoraleConfig("recurrent", ("widht=8",)), PAIRS)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (SequenceSpec(n_params=3, n_classes=None), "needs events of several classes"),
        (SequenceSpec(n_params=256, n_classes=256), "needs events of several classes"),
        (SequenceSpec(n_params=24, n_classes=12, event_shape=(4,)), "needs a Chain"),
    ],
)
def test_other_sequences_are_refused(spec: SequenceSpec, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(VARIANTS["gru"], spec)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_build(preset: str) -> None:
    model = build(ChoraleConfig(**PRESETS[preset]), CHORALES)
    x = torch.zeros(1, 3, 4, dtype=torch.int64)
    assert model(x).shape == (1, 3, CHORALES.n_params)

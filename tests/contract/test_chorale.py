"""The model `chorale` keeps every law of the kit, with any backbone."""

from __future__ import annotations

import pytest
import torch
from wavegen_chorales.model import Chorale
from wavegen_chorales.model_config import ChoraleConfig

from wavegen.model import SequenceSpec
from wavegen.testing import ModelContract

GRU = ("layers=1", "width=8", "embedding=6")
VARIANTS = {
    "gru": ChoraleConfig(backbone_options=GRU, memory=24, ahead=5),
    "short memory": ChoraleConfig(backbone_options=GRU, memory=3),
    "no memory, no past": ChoraleConfig(backbone_options=GRU, memory=0, past=False),
    "wavenet": ChoraleConfig(
        backbone="wavenet",
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

"""The gated delta network keeps every law of the kit, whatever it is built of."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.gated_delta import GatedDelta
from wavegen.models.gated_delta_config import GatedDeltaConfig
from wavegen.program.lowering import lower
from wavegen.testing import SPECS, ModelContract

SMALL: dict[str, Any] = {"layers": 2, "width": 12, "heads": 2, "key_width": 4, "value_width": 6}
VARIANTS = {
    "gated delta": GatedDeltaConfig(**SMALL),
    "rotary": GatedDeltaConfig(**SMALL, rotary=True),
    "Mamba-2": GatedDeltaConfig(**SMALL, delta=False),
    "RetNet": GatedDeltaConfig(**SMALL, delta=False, decay="fixed", rotary=True),
    "DeltaNet": GatedDeltaConfig(**SMALL, decay="none"),
    "no feed-forward": GatedDeltaConfig(**SMALL, feed_forward=0, conv=2),
    "dropout": GatedDeltaConfig(**SMALL, dropout=0.3),
}


def build(config: GatedDeltaConfig, spec: SequenceSpec) -> GatedDelta:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GatedDelta(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> GatedDelta:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> GatedDelta:
        return build(VARIANTS["gated delta"], SPECS[request.param])


@pytest.mark.parametrize("name", VARIANTS)
def test_it_has_a_program(name: str) -> None:
    """The laws of programs are skipped for a model that has none."""
    lower(build(VARIANTS[name], SPECS["classes with conditions"]))

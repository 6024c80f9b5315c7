"""The multiscale network keeps every law of the kit, whatever it is built of."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.multiscale import Multiscale
from wavegen.models.multiscale_config import MultiscaleConfig
from wavegen.program.lowering import lower
from wavegen.testing import SPECS, ModelContract

SMALL: dict[str, Any] = {"width": 8, "layers": (1, 1, 1), "pools": (3, 2), "expand": 1.5}
VARIANTS = {
    "three tiers": MultiscaleConfig(**SMALL),
    "pools of 4": MultiscaleConfig(**SMALL | {"pools": (4, 4)}),
    "one tier": MultiscaleConfig(**SMALL | {"pools": (), "layers": (2,)}),
    "more units": MultiscaleConfig(**SMALL | {"layers": (2, 1, 1)}, state=2, dropout=0.3),
    "no feed-forward": MultiscaleConfig(**SMALL, feed_forward=0),
}


def build(config: MultiscaleConfig, spec: SequenceSpec) -> Multiscale:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Multiscale(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> Multiscale:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> Multiscale:
        return build(VARIANTS["three tiers"], SPECS[request.param])


@pytest.mark.parametrize("name", VARIANTS)
def test_it_has_a_program(name: str) -> None:
    """The laws of programs are skipped for a model that has none."""
    lower(build(VARIANTS[name], SPECS["classes with conditions"]))

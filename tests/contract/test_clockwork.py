"""The Clockwork RNN keeps every law of the kit."""

from __future__ import annotations

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.clockwork import Clockwork
from wavegen.models.clockwork_config import ClockworkConfig
from wavegen.testing import SPECS, ModelContract

VARIANTS = {
    "powers of two": ClockworkConfig(groups=4, units=4, embedding=6),
    "free periods": ClockworkConfig(periods=(1, 1, 3, 7, 100), units=3, embedding=6),
    "one group": ClockworkConfig(groups=1, units=5, embedding=6),
}


def build(config: ClockworkConfig, spec: SequenceSpec) -> Clockwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Clockwork(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> Clockwork:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> Clockwork:
        return build(VARIANTS["powers of two"], SPECS[request.param])

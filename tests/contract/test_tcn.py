"""The TCN keeps every law of the kit, whatever it is built of."""

from __future__ import annotations

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.tcn import TCN
from wavegen.models.tcn_config import TCNConfig
from wavegen.testing import SPECS, ModelContract

VARIANTS = {
    "kernel 2": TCNConfig(blocks=3, channels=6, kernel=2),
    "kernel 3": TCNConfig(blocks=3, channels=6),
    "free dilations": TCNConfig(dilations=(1, 5, 3), channels=6, kernel=2),
    "several widths": TCNConfig(blocks=3, widths=(5, 7, 5), embedding_channels=4),
    "weight norm": TCNConfig(blocks=2, channels=6, weight_norm=True),
    "dropout": TCNConfig(blocks=2, channels=6, dropout=0.3),
}


def build(config: TCNConfig, spec: SequenceSpec) -> TCN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TCN(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> TCN:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> TCN:
        return build(VARIANTS["kernel 3"], SPECS[request.param])

"""The strided convolution with a GRU keeps every law of the kit."""

from __future__ import annotations

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.conv_gru import ConvGRU
from wavegen.models.conv_gru_config import ConvGRUConfig
from wavegen.testing import SPECS, ModelContract

SMALL = {"channels": 5, "width": 6, "embedding": 4, "output_channels": 7}
VARIANTS = {
    "stride 2": ConvGRUConfig(**SMALL),
    "stride 3": ConvGRUConfig(**SMALL, kernel=3, stride=3, layers=1),
    "no stride": ConvGRUConfig(**SMALL, kernel=2, stride=1, layers=1),
    "norms": ConvGRUConfig(**SMALL, kernel=7, stride=4, layer_norm=True),
}


def build(config: ConvGRUConfig, spec: SequenceSpec) -> ConvGRU:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ConvGRU(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> ConvGRU:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> ConvGRU:
        return build(VARIANTS["stride 2"], SPECS[request.param])

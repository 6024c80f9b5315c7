"""WaveNet keeps every law of the kit, whatever it is built of."""

from __future__ import annotations

import pytest
import torch

from wavegen.heads import Categorical, Gaussian, Head, MixtureOfLogistics, StudentT
from wavegen.model import SequenceSpec
from wavegen.models.wavenet import WaveNet
from wavegen.models.wavenet_config import WaveNetConfig
from wavegen.testing import SPECS, ModelContract

SMALL = {"residual_channels": 6, "gate_channels": 8, "skip_channels": 10}
VARIANTS = {
    "kernel 2": WaveNetConfig(**SMALL, stacks=2, layers=3),
    "kernel 3": WaveNetConfig(**SMALL, stacks=2, layers=2, kernel=3),
    "free dilations": WaveNetConfig(**SMALL, dilations=(1, 5, 3)),
    "relu": WaveNetConfig(**SMALL, stacks=1, layers=3, activation="relu"),
    "no residual": WaveNetConfig(**SMALL, stacks=1, layers=3, residual=False),
    "no skip": WaveNetConfig(**SMALL, stacks=1, layers=3, skip=False),
    "weight norm": WaveNetConfig(**SMALL, stacks=1, layers=3, weight_norm=True),
    "dropout": WaveNetConfig(**SMALL, stacks=1, layers=3, dropout=0.3),
    "condition net": WaveNetConfig(**SMALL, stacks=1, layers=3, cond_layers=2),
    "output net": WaveNetConfig(**SMALL, stacks=1, layers=3, output_channels=7),
}


def build(config: WaveNetConfig, spec: SequenceSpec) -> WaveNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return WaveNet(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> WaveNet:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> WaveNet:
        return build(VARIANTS["kernel 3"], SPECS[request.param])


class TestHeads(ModelContract):
    long_run = 300

    @pytest.fixture(
        params=[Categorical(256), MixtureOfLogistics(10), Gaussian(2), StudentT()],
        ids=lambda head: type(head).__name__,
    )
    def model(self, request: pytest.FixtureRequest) -> WaveNet:
        head: Head = request.param
        return build(VARIANTS["kernel 2"], SequenceSpec(head.n_params, head.n_classes))

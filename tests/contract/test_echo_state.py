"""The echo state network keeps every law of the kit."""

from __future__ import annotations

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.echo_state import EchoState
from wavegen.models.echo_state_config import EchoStateConfig
from wavegen.testing import SPECS, ModelContract
from wavegen.testing.inputs import random_inputs

VARIANTS = {
    "plain": EchoStateConfig(units=20, sparsity=0.5),
    "leaky": EchoStateConfig(units=20, sparsity=0.8, leak=0.3, spectral_radius=1.1),
}


def build(config: EchoStateConfig, spec: SequenceSpec, *, fitted: bool = True) -> EchoState:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = EchoState(config, spec)
    if fitted:
        model.fit(*random_inputs(spec, 8, 60, seed=9))
    return model


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> EchoState:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> EchoState:
        return build(VARIANTS["leaky"], SPECS[request.param])


class TestBeforeTheFit(ModelContract):
    long_run = 300

    @pytest.fixture
    def model(self) -> EchoState:
        return build(VARIANTS["plain"], SPECS["classes"], fitted=False)

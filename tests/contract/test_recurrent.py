"""The recurrent nets keep every law of the kit, whatever their cells are."""

from __future__ import annotations

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.recurrent import Recurrent
from wavegen.models.recurrent_config import RecurrentConfig
from wavegen.testing import SPECS, ModelContract

SMALL = {"width": 8, "embedding": 6, "layers": 2}
VARIANTS = {
    "gru": RecurrentConfig(**SMALL),
    "lstm": RecurrentConfig(**SMALL, cell="lstm"),
    "rnn": RecurrentConfig(**SMALL, cell="rnn"),
    "relu": RecurrentConfig(**SMALL, cell="rnn", activation="relu"),
    "gru, norms": RecurrentConfig(**SMALL, layer_norm=True),
    "lstm, norms": RecurrentConfig(**SMALL, cell="lstm", layer_norm=True, peepholes=True),
    "rnn, norms": RecurrentConfig(**SMALL, cell="rnn", layer_norm=True),
    "peepholes": RecurrentConfig(**SMALL, cell="lstm", peepholes=True),
    "zoneout": RecurrentConfig(**SMALL, cell="lstm", zoneout=0.2),
    "dropout": RecurrentConfig(**SMALL, dropout=0.3, recurrent_dropout=0.3),
}


def build(config: RecurrentConfig, spec: SequenceSpec) -> Recurrent:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Recurrent(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> Recurrent:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> Recurrent:
        return build(VARIANTS["lstm"], SPECS[request.param])


class TestValuesAsTheyAre(ModelContract):
    @pytest.fixture
    def model(self) -> Recurrent:
        return build(
            RecurrentConfig(width=8, layers=1, embedding=0), SPECS["vectors with conditions"]
        )

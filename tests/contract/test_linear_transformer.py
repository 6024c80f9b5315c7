"""The linear transformer keeps every law of the kit, whatever it is built of."""

from __future__ import annotations

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.linear_transformer import LinearTransformer
from wavegen.models.linear_transformer_config import LinearTransformerConfig
from wavegen.testing import SPECS, ModelContract

SMALL = {"layers": 2, "width": 8, "heads": 2, "feed_forward": 12}
VARIANTS = {
    "elu": LinearTransformerConfig(**SMALL),
    "relu": LinearTransformerConfig(**SMALL, feature_map="relu"),
    "squared relu": LinearTransformerConfig(**SMALL, feature_map="squared_relu"),
    "polynomial": LinearTransformerConfig(**SMALL, feature_map="polynomial"),
    "fourier": LinearTransformerConfig(**SMALL, feature_map="fourier", fourier_features=16),
    "learned": LinearTransformerConfig(**SMALL, positions="learned", learned_positions=9),
    "rotary": LinearTransformerConfig(**SMALL, positions="rotary"),
    "no positions": LinearTransformerConfig(**SMALL, positions="none"),
    "post norm": LinearTransformerConfig(**SMALL, norm="post"),
    "dropout": LinearTransformerConfig(**SMALL, dropout=0.3),
}


def build(config: LinearTransformerConfig, spec: SequenceSpec) -> LinearTransformer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LinearTransformer(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> LinearTransformer:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> LinearTransformer:
        return build(VARIANTS["elu"], SPECS[request.param])

"""The transformer with a window keeps every law of the kit, whatever it is built of."""

from __future__ import annotations

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.transformer import Transformer
from wavegen.models.transformer_config import TransformerConfig
from wavegen.testing import SPECS, ModelContract

SMALL = {"layers": 2, "width": 8, "heads": 2, "feed_forward": 12, "window": 6}
VARIANTS = {
    "rotary": TransformerConfig(**SMALL),
    "relative": TransformerConfig(**SMALL, positions="relative"),
    "post norm": TransformerConfig(**SMALL, norm="post"),
    "dropout": TransformerConfig(**SMALL, dropout=0.3),
    "window of two": TransformerConfig(**{**SMALL, "window": 2}),
    "window that never fills": TransformerConfig(**{**SMALL, "window": 50, "layers": 1}),
}


def build(config: TransformerConfig, spec: SequenceSpec) -> Transformer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Transformer(config, spec)


class TestVariants(ModelContract):
    long_run = 300

    @pytest.fixture(params=VARIANTS)
    def model(self, request: pytest.FixtureRequest) -> Transformer:
        return build(VARIANTS[request.param], SPECS["classes with conditions"])


class TestKindsOfSequences(ModelContract):
    long_run = 300

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> Transformer:
        return build(VARIANTS["rotary"], SPECS[request.param])

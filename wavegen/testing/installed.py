"""Ready contracts for what a plugin offers by name; `wavegen check` runs them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from .. import config as configs
from ..domain import Domain
from ..errors import ConfigError
from ..hookspecs import DomainSpec, ModelSpec
from ..model import SequenceModel
from .domain_contract import DomainContract
from .inputs import SPECS, random_symbols
from .model_contract import ModelContract


def contract_for_model(offer: ModelSpec) -> type[ModelContract]:
    """A test class that builds the model for every kind of sequence in `SPECS` and tries it.

    It uses the preset `tiny` where there is one, else the defaults. Kinds of sequences that the
    model refuses with a `ConfigError` are skipped, with that reason.
    """

    class TestModel(ModelContract):
        long_run = 1_000

        @pytest.fixture(params=SPECS)
        def model(self, request: pytest.FixtureRequest) -> SequenceModel[Any]:
            config = configs.parse(offer.config, offer.presets.get("tiny", {}), offer.name)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                try:
                    model = offer.build(config, SPECS[request.param])
                except ConfigError as refusal:
                    pytest.skip(f"refuses {request.param}: {refusal}")
            # Long enough for rings to come round, where that takes seconds and not minutes.
            self.length = max(self.length, min(400, (model.receptive_field or 0) + 24))
            return model

    return TestModel


def contract_for_domain(offer: DomainSpec) -> type[DomainContract]:
    """A test class that builds the domain from its defaults and tries it on random sequences."""

    class TestDomain(DomainContract):
        @pytest.fixture
        def domain(self) -> Domain[Any]:
            return offer.build(configs.parse(offer.config, {}, offer.name))

        @pytest.fixture
        def raw(self, domain: Domain[Any]) -> Any:
            rng = torch.Generator().manual_seed(0)
            spec = domain.spec(domain.head())
            return domain.decode(random_symbols(spec, (self.length,), rng))

    return TestDomain

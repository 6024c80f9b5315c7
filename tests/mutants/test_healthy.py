"""The kit lets models through that keep the laws, for every kind of sequence."""

from __future__ import annotations

from typing import Any

import pytest
from healthy import Ahead, Conv, LinearAttention, Recurrent, build

from wavegen.model import SequenceModel
from wavegen.testing import SPECS, ModelContract


class Healthy(ModelContract):
    long_run = 250

    kind: type[SequenceModel[Any]]

    @pytest.fixture(params=SPECS)
    def model(self, request: pytest.FixtureRequest) -> SequenceModel[Any]:
        return build(self.kind, SPECS[request.param])


class TestConv(Healthy):
    kind = Conv


class TestAhead(Healthy):
    kind = Ahead

    @pytest.fixture
    def model(self) -> SequenceModel[Any]:
        return build(Ahead, SPECS["vectors with conditions"])


class TestRecurrent(Healthy):
    kind = Recurrent


class TestLinearAttention(Healthy):
    kind = LinearAttention

"""Every head of the core keeps the laws of the kit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wavegen.heads import Categorical, Chain, Gaussian, Head, MixtureOfLogistics, StudentT
from wavegen.testing import HeadContract


class TestCategorical(HeadContract):
    @pytest.fixture(params=[2, 5, 256])
    def head(self, request: pytest.FixtureRequest) -> Head:
        return Categorical(request.param)


class TestGaussian(HeadContract):
    @pytest.fixture(params=[1, 3])
    def head(self, request: pytest.FixtureRequest) -> Head:
        return Gaussian(request.param)


class TestLogistics(HeadContract):
    @pytest.fixture(params=[1, 10])
    def head(self, request: pytest.FixtureRequest) -> Head:
        return MixtureOfLogistics(request.param)


class TestLogisticSteps(HeadContract):
    """With `levels`, an event is one step of a quantiser of [-1, 1]."""

    @pytest.fixture(params=[256, 65_536])
    def head(self, request: pytest.FixtureRequest) -> Head:
        return MixtureOfLogistics(4, levels=request.param)

    def params(self, head: Head, n: int, seed: int = 0) -> Tensor:
        """Means well inside [-1, 1] and scales of a few steps."""
        weights, means, scales = super().params(head, n, seed).chunk(3, dim=-1)
        return torch.cat([weights, 0.2 * means, scales - 4], dim=-1)

    def points(self, head: Head, n: int) -> tuple[Tensor, Tensor]:
        assert isinstance(head, MixtureOfLogistics)
        assert head.levels is not None
        return torch.linspace(-1, 1, head.levels), torch.ones(head.levels)


class TestStudentT(HeadContract):
    @pytest.fixture
    def head(self) -> Head:
        return StudentT()


CHAINS = {
    "two classes": (Categorical(2), 4),
    "five classes": (Categorical(5), 3),
    "one value": (Categorical(7), 1),
    "gaussian": (Gaussian(), 2),
    "student t": (StudentT(), 2),
}


class TestChain(HeadContract):
    @pytest.fixture(params=CHAINS)
    def head(self, request: pytest.FixtureRequest) -> Head:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Chain(*CHAINS[request.param], context=3, hidden=6)

    def points(self, head: Head, n: int) -> tuple[Tensor, Tensor]:
        return super().points(head, n // 2)

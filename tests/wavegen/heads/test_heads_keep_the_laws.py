"""Every head of the core keeps the laws of the kit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wavegen.heads import (
    Binned,
    Categorical,
    Chain,
    Gaussian,
    Head,
    MixtureOfLogistics,
    Point,
    Scaled,
    StudentT,
    mu_law_edges,
)
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


SCALED = {
    "gaussian": Gaussian(),
    "logistics": MixtureOfLogistics(5),
    "student t": StudentT(),
}


class TestScaled(HeadContract):
    @pytest.fixture(params=SCALED)
    def head(self, request: pytest.FixtureRequest) -> Head:
        return Scaled(SCALED[request.param])


EDGES = mu_law_edges(9, limit=3.0)
LOCATION, LOG_SCALE = 0.7, -0.4


def chained(part: Head) -> Chain:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Chain(part, 2, context=3, hidden=6)


class TestBinned(HeadContract):
    @pytest.fixture(params=["alone", "chain"])
    def head(self, request: pytest.FixtureRequest) -> Head:
        part = Binned(EDGES)
        return part if request.param == "alone" else chained(part)

    def points(self, head: Head, n: int) -> tuple[Tensor, Tensor]:
        """Places that are evenly spread over each bin: beyond the edges it is no density."""
        each = 30 if head.event_shape else 200
        inside = (torch.arange(each) + 0.5) / each
        width = EDGES.diff()[:, None]
        return (EDGES[:-1, None] + width * inside).flatten(), (width / each).repeat(1, each).view(
            -1
        )


class TestScaledBins(TestBinned):
    @pytest.fixture(params=["alone", "chain"])
    def head(self, request: pytest.FixtureRequest) -> Head:
        part = Binned(EDGES)
        return Scaled(part if request.param == "alone" else chained(part))

    def params(self, head: Head, n: int, seed: int = 0) -> Tensor:
        """One location and scale for all, so that the bins lie where `points` says."""
        params = super().params(head, n, seed)
        n_values = 1 + len(head.event_shape)
        params[:, :n_values], params[:, n_values : 2 * n_values] = LOCATION, LOG_SCALE
        return params

    def points(self, head: Head, n: int) -> tuple[Tensor, Tensor]:
        scale = torch.tensor(LOG_SCALE).exp()
        points, widths = super().points(head, n)
        return LOCATION + scale * points, scale * widths


class TestPoint(HeadContract):
    """It has no distribution: what speaks of one cannot hold."""

    expected_failures = dict.fromkeys(
        ("nll_sums_to_one", "draw_matches_nll", "missing_costs_nothing"), "no distribution"
    )

    @pytest.fixture(params=["squared", "absolute"])
    def head(self, request: pytest.FixtureRequest) -> Head:
        return Point(2, request.param)

    def points(self, head: Head, n: int) -> tuple[Tensor, Tensor]:
        return super().points(head, n // 4)

"""Location and scale from the model, against closed forms; forecasts without a distribution."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wavegen.controls import Controls
from wavegen.errors import ConfigError
from wavegen.heads import Binned, Categorical, Chain, Gaussian, Point, Scaled, StudentT
from wavegen.heads.scaled import LOG_SCALE_LIMIT
from wavegen.sampling import ControlBatch

FEW = settings(max_examples=25)


def plain(n: int) -> ControlBatch:
    return ControlBatch.of([Controls()] * n)


@FEW
@given(
    location=st.floats(-1e3, 1e3, width=32),
    log_scale=st.floats(-8, 8, width=32),
    z=st.floats(-4, 4, width=32),
)
def test_nats_are_in_the_units_of_x(location: float, log_scale: float, z: float) -> None:
    """A Student t of 3 degrees of freedom, moved and stretched, as scipy says it."""
    own = torch.tensor([0.3, 0.2, math.log(math.e - 1)])  # softplus gives 1, so 2 + 1
    params = torch.cat([torch.tensor([location, log_scale]), own])
    scale = math.exp(log_scale)
    x = torch.tensor(location) + torch.tensor(z) * scale
    known = float(x) - float(params[0])  # what float32 has left of z
    inner = math.log1p(math.exp(0.2)) + 1e-4
    expected = -stats.t.logpdf(known / scale, 3, 0.3, inner) + log_scale
    assert float(Scaled(StudentT()).nll(params, x)) == pytest.approx(expected, rel=1e-3, abs=1e-3)


@FEW
@given(st.integers(0, 99))
def test_a_draw_is_moved_and_stretched(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    inner = Chain(Gaussian(), 3, context=2, hidden=4)
    head = Scaled(inner)
    params, noise = torch.randn(9, head.n_params, generator=rng), torch.rand(9, 6, generator=rng)
    location, log_scale, own = params.split([3, 3, inner.n_params], -1)
    with torch.no_grad():
        z, x = inner.draw(own, noise, plain(9)), head.draw(params, noise, plain(9))
        torch.testing.assert_close(x, location + log_scale.exp() * z)
        expected = inner.nll(own, z) + log_scale.sum(-1)
        torch.testing.assert_close(head.nll(params, x), expected, rtol=1e-4, atol=1e-4)


def test_only_the_scales_of_what_is_known_cost_anything() -> None:
    """Nothing that the model says of a missing value counts."""
    head = Scaled(Chain(StudentT(), 2, context=2, hidden=4))
    params = torch.randn(1, head.n_params, generator=torch.Generator().manual_seed(0))
    other = params.clone()
    other[:, 1] += 5  # location of the second value
    other[:, 3] -= 2  # its log-scale
    x = torch.tensor([[0.4, math.nan]])
    with torch.no_grad():
        assert torch.equal(head.nll(params, x), head.nll(other, x))
        assert not torch.equal(head.nll(params, x), head.nll(other.flip(1), x))


def test_log_scales_have_a_limit() -> None:
    head, x = Scaled(Gaussian()), torch.tensor(0.5)
    for sign in (1, -1):
        far, edge = torch.zeros(2, 5).unbind()
        far[1], edge[1] = sign * 1e4, sign * LOG_SCALE_LIMIT
        assert torch.equal(head.nll(far, x), head.nll(edge, x))


def test_controls_are_those_of_the_inner_head() -> None:
    Scaled(Chain(Binned(torch.arange(4.0)), 2, context=1, hidden=1)).admit(Controls(top_k=2))
    with pytest.raises(ConfigError, match="StudentT draws real numbers; only temperature applies"):
        Scaled(StudentT()).admit(Controls(top_k=2))
    with pytest.raises(ValueError, match="only real values have a scale, got Categorical"):
        Scaled(Categorical(4))


@FEW
@given(horizon=st.integers(1, 9), seed=st.integers(0, 99))
def test_a_point_costs_its_mean_error(horizon: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    params, x = torch.randn(2, 5, horizon, generator=rng)
    squared = F.mse_loss(params, x, reduction="none").mean(-1)
    torch.testing.assert_close(Point(horizon).nll(params, x), squared)
    absolute = F.l1_loss(params, x, reduction="none").mean(-1)
    torch.testing.assert_close(Point(horizon, "absolute").nll(params, x), absolute)


def test_a_point_that_is_missing_counts_as_met() -> None:
    params = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    nats = Point(4).nll(params, torch.tensor([0.0, math.nan, 1.0, math.nan]))
    nats.backward()
    assert float(nats.detach()) == (1 + 4) / 4
    assert params.grad is not None
    assert params.grad.tolist() == [0.5, 0, 1, 0]


def test_points_are_drawn_as_they_are() -> None:
    params, noise = torch.randn(3, 4), torch.rand(3, 1)
    warm = ControlBatch.of([Controls(temperature=9)] * 3)
    assert torch.equal(Point(4).draw(params, noise, warm), params)


@pytest.mark.parametrize(("horizon", "loss"), [(0, "squared"), (3, "cubed")])
def test_what_is_no_point_forecast_is_refused(horizon: int, loss: str) -> None:
    with pytest.raises(ValueError, match=f"got {horizon} and '{loss}'"):
        Point(horizon, loss)  # pyright: ignore[reportArgumentType]

"""Heads against closed forms: densities from scipy, quantiles, moments, edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import Tensor

from wavegen.controls import Controls
from wavegen.errors import ConfigError
from wavegen.heads import Categorical, Gaussian, Head, MixtureOfLogistics, StudentT
from wavegen.noise import uniforms
from wavegen.sampling import ControlBatch

MIN_SCALE = 1e-4


def softplus(raw: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, raw)


def draw(head: Head, params: Tensor, noise: Tensor, controls: Controls | None = None) -> Tensor:
    return head.draw(params, noise, ControlBatch.of([controls or Controls()] * len(params)))


def mixture_nll(x: np.ndarray, params: np.ndarray, log_pdf: object) -> np.ndarray:
    logits, means, raw = np.split(params.astype(np.float64), 3, axis=-1)
    parts = special.log_softmax(logits, axis=-1) + log_pdf(
        x[:, None], means, softplus(raw) + MIN_SCALE
    )
    return -special.logsumexp(parts, axis=-1)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_categorical_nll(rng: torch.Generator) -> None:
    params, x = torch.randn(50, 9, generator=rng), torch.randint(9, (50,), generator=rng)
    expected = -special.log_softmax(params.double().numpy(), axis=-1)[range(50), x.numpy()]
    np.testing.assert_allclose(Categorical(9).nll(params, x), expected, rtol=1e-5)


def test_categorical_draw_is_the_quantile() -> None:
    logits = torch.tensor([0.2, 0.5, 0.3]).log().expand(6, -1)
    noise = torch.tensor([[0.01], [0.199], [0.201], [0.699], [0.701], [0.999]])
    assert draw(Categorical(3), logits, noise).tolist() == [0, 0, 1, 1, 2, 2]


def test_categorical_greedy_is_the_best_class(rng: torch.Generator) -> None:
    logits = torch.randn(20, 7, generator=rng)
    found = draw(Categorical(7), logits, torch.full((20, 1), 0.999), Controls(temperature=0))
    assert torch.equal(found, logits.argmax(-1))


@pytest.mark.parametrize("components", [1, 4])
def test_gaussian_nll(components: int, rng: torch.Generator) -> None:
    params = torch.randn(200, 3 * components, generator=rng)
    x = 3 * torch.randn(200, generator=rng)
    expected = mixture_nll(x.numpy(), params.numpy(), stats.norm.logpdf)
    np.testing.assert_allclose(Gaussian(components).nll(params, x), expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("components", [1, 10])
def test_logistics_nll(components: int, rng: torch.Generator) -> None:
    params = torch.randn(200, 3 * components, generator=rng)
    x = 3 * torch.randn(200, generator=rng)
    expected = mixture_nll(x.numpy(), params.numpy(), stats.logistic.logpdf)
    found = MixtureOfLogistics(components).nll(params, x)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("levels", [2, 16, 256, 65_536])
def test_logistic_steps_nll(levels: int, rng: torch.Generator) -> None:
    """The probability of a step is a difference of two sigmoids; the edges take the tails."""
    params = torch.randn(300, 6, generator=rng) - torch.tensor([0, 0, 0, 0, 3.0, 3.0])
    codes = torch.randint(levels, (300,), generator=rng)
    codes[:4] = torch.tensor([0, 0, levels - 1, levels - 1])
    x = codes * (2 / (levels - 1)) - 1
    half = 1 / (levels - 1)

    def log_step(value: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
        at = codes.double().numpy()[:, None] * (2 * half) - 1
        below = np.where(codes.numpy()[:, None] == 0, -np.inf, at - half)
        above = np.where(codes.numpy()[:, None] == levels - 1, np.inf, at + half)
        lower, upper = (below - mean) / scale, (above - mean) / scale
        # On the left as a difference of sigmoids, on the right of their mirror images.
        turn = lower > 0
        a, b = np.where(turn, -upper, lower), np.where(turn, -lower, upper)
        return np.log(special.expit(b) - special.expit(a))

    found = MixtureOfLogistics(2, levels).nll(params, x)
    expected = mixture_nll(x.numpy(), params.numpy(), log_step)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)


def test_logistic_steps_far_out_stay_finite() -> None:
    """A step 10^4 scales from the mean still has a finite loss and a gradient that points home."""
    params = torch.tensor([[0.0, -1.0, -30.0]], requires_grad=True)
    loss = MixtureOfLogistics(1, levels=256).nll(params, torch.tensor([1.0]))
    loss.sum().backward()
    assert 1e4 < float(loss.detach()) < 1e5
    assert params.grad is not None
    assert float(params.grad[0, 1]) < 0


def test_logistic_steps_draw_steps(rng: torch.Generator) -> None:
    head, params = MixtureOfLogistics(2, levels=16), torch.randn(500, 6, generator=rng)
    x = draw(head, params, torch.from_numpy(uniforms([0], [0], 500, 2)[0]))
    code = (x.double() + 1) * 7.5
    np.testing.assert_allclose(code, code.round(), atol=1e-5)
    assert {float(x.min()), float(x.max())} == {-1.0, 1.0}


@pytest.mark.parametrize("freedom", [2.0, 3.0, 17.0, 30.0, 1e3, 1e5, 1e7])
def test_student_t_nll(freedom: float, rng: torch.Generator) -> None:
    """Also where the density is all but Gaussian, and lgamma has no digit left in float32."""
    location, raw_scale = torch.randn(2, 300, generator=rng)
    x = location + 4 * torch.randn(300, generator=rng)
    raw = torch.full((300,), freedom - 2 if freedom > 2 else -100.0)
    found = StudentT().nll(torch.stack([location, raw_scale, raw], -1), x)
    scale = softplus(raw_scale.double().numpy()) + MIN_SCALE
    exact = 2 + float(softplus(np.float64(raw[0])))
    expected = -stats.t.logpdf(x.double().numpy(), exact, location.double().numpy(), scale)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


def test_student_t_gradient_is_finite_for_any_freedom() -> None:
    raw = torch.tensor([-1e4, -5.0, 0.0, 5.9, 6.1, 1e3, 1e9, 1e30], requires_grad=True)
    params = torch.stack([torch.zeros(8), torch.zeros(8), raw], -1)
    StudentT().nll(params, torch.full((8,), 2.0)).sum().backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize(
    ("head", "quantile"),
    [(Gaussian(), stats.norm.ppf), (MixtureOfLogistics(1), stats.logistic.ppf)],
    ids=["gaussian", "logistic"],
)
def test_draw_is_the_quantile(head: Head, quantile: object) -> None:
    """x = mean + temperature * scale * quantile(u), out to the smallest and largest uniform."""
    u = torch.tensor([2**-24, 1e-4, 0.1, 0.5, 0.9, 1 - 1e-4, 1 - 2**-24])
    noise = torch.stack([torch.full_like(u, 0.5), u], -1)
    params = torch.tensor([[0.0, 0.7, -0.3]]).expand(len(u), -1)
    scale = float(softplus(np.float64(-0.3))) + MIN_SCALE
    for temperature in (1.0, 0.5):
        found = draw(head, params, noise, Controls(temperature=temperature))
        exact = 0.7 + temperature * scale * quantile(u.double().numpy())
        np.testing.assert_allclose(found, exact, rtol=1e-4)


def test_mixture_draws_components_in_proportion() -> None:
    """Two far components with weights 1/4 and 3/4; a temperature of 0.5 makes it 1/10 and 9/10."""
    n = 20_000
    params = torch.tensor([[0.0, math.log(3), -50.0, 50.0, 0.0, 0.0]]).expand(n, -1)
    noise = torch.from_numpy(uniforms([3], [0], n, 2)[0])
    warm = draw(Gaussian(2), params, noise)
    cold = draw(Gaussian(2), params, noise, Controls(temperature=0.5))
    assert float((warm > 0).float().mean()) == pytest.approx(0.75, abs=0.01)
    assert float((cold > 0).float().mean()) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("freedom", [2.5, 5.0, 60.0, 1e6])
def test_student_t_draws(freedom: float) -> None:
    """Philox noise through `draw` passes a Kolmogorov-Smirnov test against scipy's t.

    Many draws and a strict bound: a true error shows as 1e-20, chance alone once in 10,000.
    """
    n = 100_000
    params = torch.tensor([[1.0, 0.5, freedom - 2]]).expand(n, -1)
    x = draw(StudentT(), params, torch.from_numpy(uniforms([4], [0], n, 2)[0]))
    exact = 2 + float(softplus(np.float64(freedom - 2)))
    scale = float(softplus(np.float64(0.5))) + MIN_SCALE
    assert stats.kstest(x.double().numpy(), stats.t(exact, 1.0, scale).cdf).pvalue > 1e-4


def test_real_heads_refuse_truncation() -> None:
    with pytest.raises(ConfigError, match="Gaussian draws real numbers; only temperature applies"):
        Gaussian().admit(Controls(top_k=5))

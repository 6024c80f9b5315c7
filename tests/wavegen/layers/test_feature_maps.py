"""Feature maps: the kernels they stand for, and the digits they keep."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from wavegen.layers.feature_maps import Fourier, feature_map


def pairs(width: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 50, width, generator=rng, dtype=torch.float64)
    return q, k


def test_elu_keeps_its_digits_far_below_zero() -> None:
    """elu(x) + 1 as it is written is 0.56 of the truth at -17, and 0 at -20."""
    x = torch.tensor([-80.0, -20.0, -17.0, -8.0, -1e-6, 0.0, 3.0], requires_grad=True)
    y = feature_map("elu", 7, 0)(x)
    truth = torch.where(x > 0, x + 1, x.double().exp())
    torch.testing.assert_close(y.double(), truth.double(), rtol=1e-6, atol=0)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope.double(), x.double().clamp_max(0).exp(), rtol=1e-6, atol=0)


def test_elu_in_half_precision_is_not_zero() -> None:
    y = feature_map("elu", 1, 0)(torch.tensor([-8.0], dtype=torch.bfloat16))
    torch.testing.assert_close(float(y), math.exp(-8), rtol=1e-2, atol=0)


def test_polynomial_is_exact() -> None:
    q, k = pairs(6)
    phi = feature_map("polynomial", 6, 0)
    assert phi(q).shape == (50, phi.n_features)
    s = (q * k).sum(-1) / math.sqrt(6)
    kernel = (phi(q) * phi(k)).sum(-1)
    torch.testing.assert_close(kernel, 1 + s + s.square() / 2, rtol=1e-6, atol=1e-6)
    assert float(kernel.min()) >= 0.5 - 1e-6


def test_fourier_comes_near_its_kernel() -> None:
    torch.manual_seed(0)
    q, k = pairs(4)
    phi = Fourier(4, 20_000)
    kernel = torch.exp(-(q - k).square().sum(-1) / (2 * math.sqrt(4)))
    torch.testing.assert_close((phi(q) * phi(k)).sum(-1), kernel, rtol=0, atol=0.04)
    torch.testing.assert_close(phi(q).square().sum(-1), torch.ones(50).double())


@pytest.mark.parametrize("name", ["elu", "relu", "squared_relu"])
def test_features_that_are_never_negative(name: str) -> None:
    phi = feature_map(name, 4, 0)  # pyright: ignore[reportArgumentType]
    assert phi.n_features == 4
    assert float(phi(pairs(4)[0]).min()) >= 0


def test_fourier_features_travel_with_the_weights() -> None:
    assert "frequencies" in Fourier(4, 6).state_dict()

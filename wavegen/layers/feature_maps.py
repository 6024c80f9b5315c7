"""Feature maps phi: linear attention weighs a pair by the kernel phi(q) . phi(k).

Dimensions: D channels of a head, F features.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

FeatureMapName = Literal["elu", "relu", "squared_relu", "polynomial", "fourier"]


class FeatureMap(nn.Module):
    """`(..., D)` to `(..., F)`."""

    def __init__(self, n_features: int, least_share: float = 0.0) -> None:
        super().__init__()
        self.n_features = n_features
        self.least_share = least_share
        """Where features may be negative: the least that phi(q) . z counts as, in parts of |z|."""


def feature_map(name: FeatureMapName, width: int, fourier_features: int) -> FeatureMap:
    """One of the maps, for heads of D = `width` channels."""
    if name == "polynomial":
        return Polynomial(width)
    if name == "fourier":
        return Fourier(width, fourier_features)
    return {"elu": Elu, "relu": Relu, "squared_relu": SquaredRelu}[name](width)


class Elu(FeatureMap):
    """elu(x) + 1 (Katharopoulos et al. 2020, equation 7)."""

    def forward(self, x: Tensor) -> Tensor:
        """Not by elu: exp(x) - 1 + 1 has lost all digits at x = -17."""
        return x.relu() + x.clamp_max(0).exp()


class Relu(FeatureMap):
    """relu(x); a query that no feature answers to gets zeros."""

    def forward(self, x: Tensor) -> Tensor:
        """Each channel is a feature."""
        return x.relu()


class SquaredRelu(FeatureMap):
    """relu(x)^2, which attends more sharply."""

    def forward(self, x: Tensor) -> Tensor:
        """Each channel is a feature."""
        return x.relu().square()


class Polynomial(FeatureMap):
    """1 + s + s^2 / 2, s = q . k / sqrt(D): exp(s) to the second degree, exactly.

    The constant keeps every weight at one half or more, so that the normaliser only grows.
    """

    def __init__(self, width: int) -> None:
        super().__init__(1 + width + width * (width + 1) // 2)
        first, second = torch.triu_indices(width, width)
        # x_i x_j and x_j x_i are one feature of twice the weight; s^2 / 2 halves all of them.
        scale = torch.where(first == second, math.sqrt(0.5), 1.0)
        self.register_buffer("_first", first, persistent=False)
        self.register_buffer("_second", second, persistent=False)
        self.register_buffer("_scale", scale, persistent=False)

    _first: Tensor
    _second: Tensor
    _scale: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """The constant, the channels, and their products by pairs."""
        x = x * x.shape[-1] ** -0.25
        pairs = x.index_select(-1, self._first) * x.index_select(-1, self._second)
        return torch.cat([torch.ones_like(x[..., :1]), x, pairs * self._scale.to(x.dtype)], -1)


class Fourier(FeatureMap):
    """Random Fourier features of exp(-|q - k|^2 / (2 sqrt(D))) (Rahimi and Recht 2007).

    The kernel is positive but its estimate need not be, hence the least share. Under it, a sum is
    noise: F features tell some sqrt(F) directions apart.
    """

    def __init__(self, width: int, n_features: int) -> None:
        super().__init__(n_features, least_share=0.05)
        self.register_buffer("frequencies", torch.randn(width, n_features // 2))

    frequencies: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Cosines and sines of random projections; their squares sum to 1."""
        n_pairs = self.frequencies.shape[1]
        angle = (x * x.shape[-1] ** -0.25) @ self.frequencies.to(x.dtype)
        return torch.cat([angle.cos(), angle.sin()], -1) * n_pairs**-0.5

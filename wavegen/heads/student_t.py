"""Student t: real values with heavy tails, such as price returns.

Dimensions: P = 3 (location, raw scale, raw degrees of freedom).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..controls import ControlBatch
from .head import Head

_MIN_SCALE = 1e-4
_MIN_FREEDOM = 2.0  # keeps the variance finite


class StudentT(Head):
    """Location and scale of a Student t with more than 2 degrees of freedom."""

    n_params = 3
    n_uniforms = 2

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """-log density in nats."""
        location, scale, freedom = _split(params.float())
        z = (x.float() - location) / scale
        half = (freedom + 1) / 2
        log_norm = torch.lgamma(half) - torch.lgamma(freedom / 2) - 0.5 * (freedom * math.pi).log()
        return half * torch.log1p(z.square() / freedom) + scale.log() - log_norm

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """Exact, from two uniforms: the polar method for t (Bailey 1994, equation 2)."""
        location, scale, freedom = _split(params.float())
        radius = (freedom * torch.expm1(-2 / freedom * noise[:, 0].log())).sqrt()
        t = radius * torch.cos(2 * math.pi * noise[:, 1])
        return location + scale * controls.temperature * t


def _split(params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`(..., 3)` to location, scale and degrees of freedom, each `(...)`."""
    location, scale, freedom = params.unbind(-1)
    return location, F.softplus(scale) + _MIN_SCALE, F.softplus(freedom) + _MIN_FREEDOM

"""Student t: real values with heavy tails, such as price returns.

Dimensions: P = 3 (location, raw scale, raw degrees of freedom).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..sampling import ControlBatch
from .head import Head
from .missing import filled

_MIN_SCALE = 1e-4
_MIN_FREEDOM = 2.0  # keeps the variance finite


class StudentT(Head):
    """Location and scale of a Student t with more than 2 degrees of freedom."""

    n_params = 3
    n_uniforms = 2

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """-log density in nats."""
        location, scale, freedom = _split(params.float())
        x, absent = filled(x.float())
        z = (x - location) / scale
        log_norm = _log_gamma_ratio(freedom / 2) - 0.5 * (freedom * math.pi).log()
        tail = (freedom + 1) / 2 * torch.log1p(z.square() / freedom)
        return (tail + scale.log() - log_norm).masked_fill(absent, 0)

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


def _log_gamma_ratio(x: Tensor) -> Tensor:
    """log(gamma(x + 1/2) / gamma(x)), from x = 1 up.

    For large x the difference of two large logarithms has no correct digit in float32; there
    Stirling's series is used, whose next term is below 1e-7.
    """
    near = torch.lgamma(x + 0.5) - torch.lgamma(x)
    inverse = 1 / x
    far = 0.5 * x.log() - inverse / 8 + inverse**3 / 192
    return torch.where(x < 8, near, far)

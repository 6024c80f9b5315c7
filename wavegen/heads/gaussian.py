"""Gaussian, or a mixture of Gaussians: real values with light tails.

Dimensions: K components; P = 3K (weight logits, means, raw scales).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..sampling import ControlBatch, draw_class, tempered
from .head import Head
from .missing import filled
from .mixture import pick, split_mixture

_MIN_SCALE = 1e-4
_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


class Gaussian(Head):
    """K Gaussian components; one component is the plain Gaussian."""

    n_uniforms = 2

    def __init__(self, components: int = 1) -> None:
        super().__init__()
        self.components = components
        self.n_params = 3 * components

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """-log density in nats."""
        log_weight, mean, scale = split_mixture(params.float(), _MIN_SCALE)
        x, absent = filled(x.float())
        z = (x[..., None] - mean) / scale
        log_part = -0.5 * z.square() - scale.log() - _LOG_ROOT_2PI
        return -torch.logsumexp(log_weight + log_part, dim=-1).masked_fill(absent, 0)

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """One uniform picks the component, the other is its quantile."""
        log_weight, mean, scale = split_mixture(params.float(), _MIN_SCALE)
        part = draw_class(tempered(log_weight, controls.temperature), noise[:, 0])
        quantile = torch.special.ndtri(noise[:, 1])
        return pick(mean, part) + pick(scale, part) * controls.temperature * quantile

    def extra_repr(self) -> str:
        """Shown by `print(model)`."""
        return f"components={self.components}"

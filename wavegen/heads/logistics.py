"""Mixture of logistics, as a density or as exact probabilities of the steps of a quantiser.

Dimensions: K components; P = 3K (weight logits, means, raw scales).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..sampling import ControlBatch, draw_class, tempered
from .head import Head
from .missing import filled
from .mixture import pick, split_mixture

_MIN_SCALE = 1e-4


class MixtureOfLogistics(Head):
    """Logistic components (Salimans et al. 2017, PixelCNN++, equation 2).

    With `levels` None, `nll` is that of the density. With `levels` = n, x lies on n equal steps
    of [-1, 1] and `nll` is that of the step's probability: edges take the tails, the sum over all
    steps is one, and bits compare with those of a quantiser of n codes.
    """

    n_uniforms = 2

    def __init__(self, components: int = 10, levels: int | None = None) -> None:
        super().__init__()
        self.components, self.levels = components, levels
        self.n_params = 3 * components

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """-log p in nats, per step of the quantiser or per unit of x."""
        log_weight, mean, scale = split_mixture(params.float(), _MIN_SCALE)
        x, absent = filled(x.float())
        x = x[..., None]
        if self.levels is None:
            z = (x - mean) / scale
            log_part = -z - 2 * F.softplus(-z) - scale.log()
        else:
            log_part = self._log_step(x, mean, scale)
        return -torch.logsumexp(log_weight + log_part, dim=-1).masked_fill(absent, 0)

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """One uniform picks the component, the other is its quantile."""
        log_weight, mean, scale = split_mixture(params.float(), _MIN_SCALE)
        part = draw_class(tempered(log_weight, controls.temperature), noise[:, 0])
        quantile = noise[:, 1].log() - torch.log1p(-noise[:, 1])
        x = pick(mean, part) + pick(scale, part) * controls.temperature * quantile
        if self.levels is None:
            return x
        steps = (self.levels - 1) / 2
        return ((x.clamp(-1, 1) + 1) * steps).round() / steps - 1

    def _log_step(self, x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
        """log P(step that holds x), each tail added to its edge step."""
        assert self.levels is not None
        half = 1 / (self.levels - 1)
        upper, lower = (x + half - mean) / scale, (x - half - mean) / scale
        # log(sigmoid(u) - sigmoid(l)) = log_sigmoid(u) + log_sigmoid(-l) + log(1 - exp(l - u)):
        # no difference of two near numbers, so it holds far out in the tails too.
        gap = 2 * half / scale
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-gap))
        edge = 1 - half
        log_part = torch.where(x < -edge, F.logsigmoid(upper), inside)
        return torch.where(x > edge, F.logsigmoid(-lower), log_part)

    def extra_repr(self) -> str:
        """Shown by `print(model)`."""
        return f"components={self.components}, levels={self.levels}"

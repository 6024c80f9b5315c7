"""A dilated causal convolution, over all steps and over one.

Dimensions: B batch, T steps, K taps, I inputs, O outputs.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .weight_norm import WeightNorm


class CausalConv(nn.Module):
    """`out[t] = bias + sum of in[t - k dilation] @ weight[k]` over k; at first all is silence."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int, weight_norm: bool = False
    ) -> None:
        super().__init__()
        self.kernel, self.dilation = kernel, dilation
        self.reach = (kernel - 1) * dilation
        """Steps back to the oldest input of an output."""
        # Uniform of variance 1 / (3 fan-in), as nn.Conv1d has it.
        bound = 1 / math.sqrt(kernel * inputs)
        self.weight = nn.Parameter(torch.empty(kernel * inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs))
        if weight_norm:
            parametrize.register_parametrization(self, "weight", WeightNorm())

    def forward(self, h: Tensor, keep: int, past: Tensor | None = None) -> Tensor:
        """The last `keep` steps of what `(B, I, T)` gives, `(B, O, keep)`.

        `past` `(B, I, (K - 1) * dilation)` is what came before; None is silence.
        """
        missing = keep + self.reach - h.shape[2]
        if past is not None:
            h = torch.cat([past, h], 2)
        elif missing > 0:
            h = F.pad(h, (missing, 0))
        used = h[..., h.shape[2] - keep - self.reach :]
        # A convolution's first tap is its oldest.
        taps = self.weight.unflatten(0, (self.kernel, -1)).flip(0).permute(2, 1, 0)
        return F.conv1d(used, taps, self.bias, dilation=self.dilation)

    def step(self, h: Tensor, past: Tensor) -> Tensor:
        """`(B, I)` and the earlier taps, nearest first `(B, K - 1, I)`, to `(B, O)`."""
        return torch.addmm(self.bias, torch.cat([h, past.flatten(1)], 1), self.weight)

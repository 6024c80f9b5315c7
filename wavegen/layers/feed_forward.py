"""A gated feed-forward net (SwiGLU, Shazeer 2020), and how hidden weights begin."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GatedFeedForward(nn.Module):
    """`(silu(x U) * x V) W`: `(..., width)` to `(..., width)`."""

    def __init__(self, width: int, hidden: int, shrink: float = 1.0) -> None:
        super().__init__()
        self.gate, self.enter = weight(width, hidden), weight(width, hidden)
        self.leave = weight(hidden, width, shrink)

    def forward(self, x: Tensor) -> Tensor:
        """One product in, one gate, one product out."""
        return (F.silu(x @ self.gate) * (x @ self.enter)) @ self.leave

    def hidden_weights(self) -> list[nn.Parameter]:
        """All of it."""
        return [self.gate, self.enter, self.leave]


def weight(inputs: int, outputs: int, shrink: float = 1.0) -> nn.Parameter:
    """`(inputs, outputs)`, normal: unit variance in gives unit variance out, less `shrink` squared.

    What a deep net's residual stream adds up is shrunk by the root of how many terms there are.
    """
    return nn.Parameter(torch.randn(inputs, outputs) / (math.sqrt(inputs) * shrink))

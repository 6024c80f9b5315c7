"""Where in time a step stands, told to a model by sines and cosines, or by a table.

All periods are whole numbers of steps. So an angle comes from the remainder of an integer and is as
exact after a day as after a second; t * frequency in float32 is off by 0.1 after a million steps.

Dimensions: W width, H heads, D channels of a head, K angles.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Angles(nn.Module):
    """The phases of K clocks with periods from about 6 to 63,000 steps (Vaswani et al. 2017)."""

    def __init__(self, n_angles: int) -> None:
        super().__init__()
        share = torch.arange(n_angles) / n_angles
        self.register_buffer("_period", (math.tau * 10_000**share).round().long(), persistent=False)

    _period: Tensor

    def forward(self, position: Tensor) -> Tensor:
        """`(...)` int64 to `(..., K)` float32, from 0 to 2 pi."""
        phase = torch.remainder(position[..., None], self._period)
        return phase.float() * (math.tau / self._period.float())


class Sinusoids(nn.Module):
    """A vector for every position, never the same within a very long time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.angles = Angles(width // 2)

    def forward(self, position: Tensor) -> Tensor:
        """`(...)` to `(..., W)`."""
        angles = self.angles(position)
        return torch.cat([angles.sin(), angles.cos()], -1)


class LearnedPositions(nn.Module):
    """A table with a row for each of the first positions; all later ones share the last row."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(length, width))

    def forward(self, position: Tensor) -> Tensor:
        """`(...)` to `(..., W)`."""
        last = self.table.shape[0] - 1
        return nn.functional.embedding(position.clamp_max(last), self.table)


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """Pairs of channels turned by angles: `(..., H, D)` by `(..., D / 2)` (Su et al. 2021).

    Then q . k depends on the distance of their positions only.
    """
    cos, sin = angles.cos()[..., None, :].to(x.dtype), angles.sin()[..., None, :].to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)

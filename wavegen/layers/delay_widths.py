"""Delay lines for layers of different widths: those of one width share one tensor of rings.

Dimensions: B batch, T steps, K taps, C channels of a lane, R ring cells of one width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .delay import DelayLines

Rings = tuple[Tensor, ...]
"""`(B, R, C)` of each width, in the order in which the widths first appear."""


class DelaysOfWidths(nn.Module):
    """Lane l delays `widths[l]` channels; it holds no state, only where each ring lies."""

    def __init__(self, dilations: Sequence[int], kernel: int, widths: Sequence[int]) -> None:
        super().__init__()
        groups = {width: [i for i, w in enumerate(widths) if w == width] for width in widths}
        self._groups = list(groups.values())
        order = list(groups)
        self._place = [
            (order.index(width), groups[width].index(lane)) for lane, width in enumerate(widths)
        ]
        """Group of each lane, and its number in there."""
        self._n_past = kernel - 1
        self.lines: list[DelayLines] = []
        for width, lanes in groups.items():
            lines = DelayLines([dilations[lane] for lane in lanes], kernel, width)
            self.lines.append(lines)
            self.add_module(f"width_{width}", lines)

    def empty(self, batch: int, like: Tensor) -> Rings:
        """Silent rings of the dtype and device of `like`."""
        return tuple(lines.empty(batch, like) for lines in self.lines)

    def read(self, rings: Rings, clock: Tensor) -> list[Tensor]:
        """The taps of each lane before the present, nearest first: `(B, K - 1, C)`."""
        found = [
            lines.read(ring, clock).unflatten(1, (-1, self._n_past)).unbind(1)
            for lines, ring in zip(self.lines, rings, strict=True)
        ]
        return [found[group][inner] for group, inner in self._place]

    def write(self, rings: Rings, clock: Tensor, values: Sequence[Tensor]) -> Rings:
        """The rings with the present value `(B, C)` of each lane in them; it writes in place."""
        return tuple(
            lines.write(ring, clock, torch.stack([values[lane] for lane in lanes], 1))
            for lines, ring, lanes in zip(self.lines, rings, self._groups, strict=True)
        )

    def history(self, rings: Rings, clock: Tensor, lane: int) -> Tensor:
        """What a lane holds, oldest first: `(B, (K - 1) * dilation, C)`."""
        group, inner = self._place[lane]
        return self.lines[group].history(rings[group], clock, inner)

    def fill(self, rings: Rings, clock: Tensor, lane: int, values: Tensor) -> None:
        """Put the last of T values `(B, T, C)` into one lane, in place, as T writes would."""
        group, inner = self._place[lane]
        self.lines[group].fill(rings[group], clock, inner, values)

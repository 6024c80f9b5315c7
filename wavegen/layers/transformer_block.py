"""A transformer's layer around any way of mixing time: heads, feed-forward, norms, dropout.

The same code serves many steps and one: what it does itself, it does to every step alone.

Dimensions: N steps of all rows, W width, H heads, D = W / H channels of a head.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .product import product

Mix = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys, values `(..., H, D)` to what each step takes from the past, `(..., H, D)`."""


class Block(nn.Module):
    """Attention and a feed-forward net, each added to the residual stream."""

    def __init__(
        self, width: int, heads: int, hidden: int, *, depth: int, pre_norm: bool, dropout: float
    ) -> None:
        """`depth`: how many such blocks the stream runs through; a block adds the less for it."""
        super().__init__()
        self.heads, self.pre_norm, self.dropout = heads, pre_norm, dropout
        share = 2 * depth if pre_norm else 1
        self.input_weight = _weight(3, width, width, variance=1 / width)
        self.input_bias = nn.Parameter(torch.zeros(3, width))
        self.output_weight = _weight(width, width, variance=1 / (width * share))
        self.output_bias = nn.Parameter(torch.zeros(width))
        self.up_weight = _weight(width, hidden, variance=1 / width)
        self.up_bias = nn.Parameter(torch.zeros(hidden))
        self.down_weight = _weight(hidden, width, variance=1 / (hidden * share))
        self.down_bias = nn.Parameter(torch.zeros(width))
        self.mix_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, h: Tensor, mix: Mix) -> Tensor:
        """`(..., W)` to `(..., W)`."""
        if self.pre_norm:
            h = h + self._mixed(self.mix_norm(h), mix)
            return h + self._fed(self.feed_norm(h))
        h = self.mix_norm(h + self._mixed(h, mix))
        return self.feed_norm(h + self._fed(h))

    def hidden_weights(self) -> list[nn.Parameter]:
        """All matrices, `(..., inputs, outputs)`."""
        return [self.input_weight, self.output_weight, self.up_weight, self.down_weight]

    def _mixed(self, h: Tensor, mix: Mix) -> Tensor:
        weights, biases = self.input_weight.unbind(0), self.input_bias.unbind(0)
        rows = h.flatten(0, -2)
        q, k, v = (
            product(rows, weight, bias).view(*h.shape[:-1], self.heads, -1)
            for weight, bias in zip(weights, biases, strict=True)
        )
        mixed = mix(q, k, v).to(q.dtype).reshape(rows.shape)
        out = product(mixed, self.output_weight, self.output_bias)
        return F.dropout(out.view(h.shape), self.dropout, self.training)

    def _fed(self, h: Tensor) -> Tensor:
        inner = F.gelu(product(h.flatten(0, -2), self.up_weight, self.up_bias))
        out = product(inner, self.down_weight, self.down_bias)
        return F.dropout(out.view(h.shape), self.dropout, self.training)


def _weight(*shape: int, variance: float) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape) * math.sqrt(variance))

"""Softmax attention to the last W steps: many steps by blocks, one step over a ring of the past.

Dimensions: B batch, H heads, T steps, D channels of a head, W window, N blocks of W steps.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def window_attention(
    q: Tensor, k: Tensor, v: Tensor, first: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Many steps, `(B, H, T, D)`; `k` and `v` `(B, H, W - 1 + T, D)` begin W - 1 steps earlier.

    `first` `(B,)` or `(1,)` is how many of those earlier steps a row has not seen. `bias` `(H, W)`
    is added to the scores of each distance. Every block of W steps attends to itself and the one
    before, so that time and memory are linear in T.
    """
    n_steps, window = q.shape[2], k.shape[2] - q.shape[2] + 1
    size = min(window, n_steps)
    rest = -n_steps % size
    q = F.pad(q, (0, 0, 0, rest)).unflatten(2, (-1, size))
    # Block n sees steps n * size to n * size + W - 1 + size of the longer sequence.
    k, v = (
        F.pad(x, (0, 0, 0, rest)).unfold(2, window - 1 + size, size).transpose(-1, -2)
        for x in (k, v)
    )
    row = torch.arange(size, device=q.device)[:, None]
    column = torch.arange(window - 1 + size, device=q.device)
    distance = row + window - 1 - column
    begin = torch.arange(q.shape[2], device=q.device)[:, None, None] * size
    is_seen = begin + column >= first.view(-1, 1, 1, 1, 1)  # (B, 1, N, 1, columns)
    mask = is_seen & (distance >= 0) & (distance < window)
    if bias is None:
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    else:
        lag = distance.clamp(0, window - 1)
        weights = bias.to(q.dtype)[:, lag][:, None].masked_fill(~mask, -math.inf)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=weights)
    return out.flatten(2, 3)[:, :, :n_steps]


def window_attention_step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    past_k: Tensor,
    past_v: Tensor,
    clock: Tensor,
    bias: Tensor | None = None,
) -> Tensor:
    """One step `(B, H, D)`; `past_k` and `past_v` `(B, W - 1, H * D)` are rings that it only reads.

    Cell c holds the last step that is c modulo W - 1; for softmax their order is of no account.
    """
    (heads, width), n_cells = q.shape[1:], past_k.shape[1]
    keys, values = (x.unflatten(2, (heads, width)).transpose(1, 2) for x in (past_k, past_v))
    q = q * width**-0.5
    before = torch.matmul(q[:, :, None], keys.mT).squeeze(2)  # (B, H, W - 1)
    present = (q * k).sum(-1, keepdim=True)
    cell = torch.arange(n_cells, device=q.device)
    if bias is not None:
        lag = 1 + torch.remainder(clock[:, None] - 1 - cell, n_cells)
        before = before + F.embedding(lag, bias.t()).transpose(1, 2)
        present = present + bias[:, :1]
    is_seen = (cell < clock[:, None])[:, None]
    scores = torch.cat([before.masked_fill(~is_seen, -math.inf), present], -1)
    weights = scores.softmax(-1)
    out = torch.matmul(weights[..., None, :n_cells], values).squeeze(2)
    return out + weights[..., n_cells:] * v

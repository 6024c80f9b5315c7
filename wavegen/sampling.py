"""Draws from logits or weights under the controls of each voice, which may all differ in a batch.

A control that is off leaves the probabilities untouched to the last bit, so a voice does not depend
on what its neighbours switched on. `sample`, `tempered` and `draw_class` are one node each in an
exported step.

Dimensions: B voices, N classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .brick import brick
from .controls import Controls


class ControlBatch(NamedTuple):
    """The controls of B voices as tensors `(B,)`, and whether any of them truncates."""

    temperature: Tensor
    top_k: Tensor
    top_p: Tensor
    min_p: Tensor
    typical_p: Tensor
    truncates: bool

    @classmethod
    def of(
        cls, controls: Sequence[Controls], device: torch.device | str | None = None
    ) -> ControlBatch:
        """Collect the controls of several voices."""

        def column(name: str, dtype: torch.dtype) -> Tensor:
            return torch.tensor([getattr(c, name) for c in controls], dtype=dtype, device=device)

        return cls(
            column("temperature", torch.float32),
            column("top_k", torch.int64),
            column("top_p", torch.float32),
            column("min_p", torch.float32),
            column("typical_p", torch.float32),
            any(c.truncates for c in controls),
        )


def sample(logits: Tensor, uniform: Tensor, controls: ControlBatch) -> Tensor:
    """Classes `(B,)` drawn from logits `(B, N)` with uniforms `(B,)`, under all controls."""
    return _sample(logits, uniform, *controls)


def probabilities(logits: Tensor, controls: ControlBatch) -> Tensor:
    """Logits `(B, N)` to weights `(B, N)` after all controls; rows need not sum to one."""
    weights = tempered(logits.float(), controls.temperature)
    return _truncate(weights, controls) if controls.truncates else weights


@brick("tempered")
def tempered(logits: Tensor, temperature: Tensor) -> Tensor:
    """softmax(logits / temperature): `(B, N)`, `(B,)` to `(B, N)`; 0 leaves the best class."""
    warm = temperature[:, None]
    greedy = warm == 0
    best = torch.zeros_like(logits).scatter_(-1, logits.argmax(-1, keepdim=True), 1.0)
    # Relative to the best, no temperature is so small that a quotient overflows to inf - inf.
    ahead = logits - logits.amax(-1, keepdim=True)
    scaled = ahead / torch.where(greedy, torch.ones_like(warm), warm)
    return torch.where(greedy, best, scaled.softmax(-1))


@brick("draw_class")
def draw_class(weights: Tensor, uniform: Tensor) -> Tensor:
    """The class `(B,)` at which the running sum of `weights` `(B, N)` passes `uniform` `(B,)`.

    A class of weight 0 is never drawn: the target lies strictly below the total, and a class
    without weight never is the first whose running sum exceeds it.
    """
    cumulative = weights.cumsum(-1)
    total = cumulative[:, -1:]
    target = torch.minimum(
        uniform[:, None] * total, torch.nextafter(total, torch.zeros_like(total))
    )
    return (cumulative <= target).sum(-1)


@brick("sample")
def _sample(
    logits: Tensor,
    uniform: Tensor,
    temperature: Tensor,
    top_k: Tensor,
    top_p: Tensor,
    min_p: Tensor,
    typical_p: Tensor,
    truncates: bool,
) -> Tensor:
    controls = ControlBatch(temperature, top_k, top_p, min_p, typical_p, truncates)
    return draw_class(probabilities(logits, controls), uniform)


def _truncate(weights: Tensor, controls: ControlBatch) -> Tensor:
    """`weights` with the dropped classes set to 0."""
    n = weights.shape[-1]
    ranked, order = weights.sort(dim=-1, descending=True, stable=True)
    rank = torch.arange(n, device=weights.device)
    top_k = controls.top_k[:, None]
    keep = (top_k == 0) | (rank < top_k)

    share = _normalised(ranked * keep)
    top_p = controls.top_p[:, None]
    keep = keep & ((top_p >= 1) | (share.cumsum(-1) - share < top_p) | (rank == 0))

    # Renormalising changes no ratio, so min_p compares with the best class directly.
    keep = keep & (ranked >= controls.min_p[:, None] * ranked[:, :1])

    share = _normalised(ranked * keep)
    surprise = -share.clamp_min(torch.finfo(share.dtype).tiny).log()
    entropy = (share * surprise).sum(-1, keepdim=True)
    distance = (surprise - entropy).abs().masked_fill(~keep, math.inf)
    near = distance.argsort(dim=-1, stable=True)
    held = share.gather(-1, near)
    typical_p = controls.typical_p[:, None]
    typical = (typical_p >= 1) | (held.cumsum(-1) - held < typical_p) | (rank == 0)
    keep = keep & torch.zeros_like(keep).scatter(-1, near, typical)

    return weights * torch.zeros_like(keep).scatter(-1, order, keep)


def _normalised(weights: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True)

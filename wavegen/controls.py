"""Sampling controls, held per voice, so that voices with different settings run in one batch.

Applied in this fixed order, each to the distribution that the one before left, renormalised:

    temperature -> top_k -> top_p -> min_p -> typical_p

Truncation never empties the support: the class that a control ranks first always stays. A control
that is off leaves the probabilities untouched to the last bit, so a voice does not depend on what
its neighbours switched on.

Dimensions: B voices, N classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from .errors import ConfigError


@dataclass(frozen=True)
class Controls:
    """How one voice is drawn. The defaults draw from the model's own distribution."""

    temperature: float = field(
        default=1.0, metadata={"help": "divides the logits or multiplies the scales; 0 is greedy"}
    )
    top_k: int = field(default=0, metadata={"help": "keep the k most probable classes; 0 is off"})
    top_p: float = field(
        default=1.0, metadata={"help": "keep the fewest classes that hold this mass; 1 is off"}
    )
    min_p: float = field(
        default=0.0, metadata={"help": "drop classes below this share of the best; 0 is off"}
    )
    typical_p: float = field(
        default=1.0,
        metadata={"help": "keep the classes nearest the entropy that hold this mass; 1 is off"},
    )

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        checks = {
            "temperature": (0 <= self.temperature < math.inf, "0 (greedy) or above"),
            "top_k": (self.top_k >= 0, "0 (off) or above"),
            "top_p": (0 < self.top_p <= 1, "above 0 and at most 1 (off)"),
            "min_p": (0 <= self.min_p <= 1, "between 0 (off) and 1"),
            "typical_p": (0 < self.typical_p <= 1, "above 0 and at most 1 (off)"),
        }
        for name, (good, allowed) in checks.items():
            if not good:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be {allowed}")

    @property
    def truncates(self) -> bool:
        """Whether any control besides the temperature is on."""
        return Controls(temperature=self.temperature) != self


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


def probabilities(logits: Tensor, controls: ControlBatch) -> Tensor:
    """Logits `(B, N)` to weights `(B, N)` after all controls; rows need not sum to one."""
    weights = tempered(logits.float(), controls.temperature)
    return _truncate(weights, controls) if controls.truncates else weights


def tempered(logits: Tensor, temperature: Tensor) -> Tensor:
    """softmax(logits / temperature): `(B, N)`, `(B,)` to `(B, N)`; 0 leaves the best class."""
    warm = temperature[:, None]
    greedy = warm == 0
    best = torch.zeros_like(logits).scatter_(-1, logits.argmax(-1, keepdim=True), 1.0)
    # Relative to the best, no temperature is so small that a quotient overflows to inf - inf.
    ahead = logits - logits.amax(-1, keepdim=True)
    scaled = ahead / torch.where(greedy, torch.ones_like(warm), warm)
    return torch.where(greedy, best, scaled.softmax(-1))


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

"""What the mixture heads share: how P numbers split into weights, means and scales.

Dimensions: B batch, K components; P = 3K.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def split_mixture(params: Tensor, min_scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """`(..., 3K)` to log weights, means and scales (softplus, above `min_scale`), `(..., K)`."""
    logits, mean, raw = params.chunk(3, dim=-1)
    return logits.log_softmax(-1), mean, F.softplus(raw) + min_scale


def pick(values: Tensor, part: Tensor) -> Tensor:
    """The value of the chosen component: `(B, K)`, `(B,)` to `(B,)`."""
    return values.gather(-1, part[:, None])[:, 0]

"""Muon: momentum whose directions are made equally long before each update (Jordan et al. 2024).

The update of a weight matrix is replaced by the nearest orthogonal one, by five Newton-Schulz
iterations. A WaveNet needs about half the updates that AdamW takes to the same loss.

Dimensions: a weight is `(..., M, N)`: the last two are a matrix, the others stack matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic; they make small directions grow fast
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """For weights between hidden channels; embeddings, biases and output want AdamW."""

    def __init__(
        self, weights: Iterable[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore
        """One update of all weights that have a gradient."""
        if closure is not None:
            raise ValueError("Muon takes no closure")
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group)

    def _update(self, weight: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(grad, 1 - group["momentum"])
        ahead = grad.lerp(state["momentum"], group["momentum"])  # Nesterov
        rows, columns = weight.shape[-2:]
        length = max(1.0, columns / rows) ** 0.5
        weight.mul_(1 - group["lr"] * group["decay"])
        weight.add_(orthogonal(ahead), alpha=-group["lr"] * length)


def orthogonal(matrix: Tensor) -> Tensor:
    """`(..., M, N)` with all singular values brought near one (between 0.7 and 1.2)."""
    a, b, c = _COEFFICIENTS
    x = matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-12)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if matrix.shape[-2] > matrix.shape[-1] else x

"""One symbol out of N classes: mu-law codes, notes, any alphabet."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..sampling import ControlBatch, sample
from .head import Head
from .missing import MISSING_CLASS


class Categorical(Head):
    """P = N logits; every control applies."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.n_params = n_classes
        self.n_classes = n_classes

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """Cross-entropy in nats."""
        flat = F.cross_entropy(
            params.reshape(-1, self.n_params).float(),
            x.reshape(-1),
            reduction="none",
            ignore_index=MISSING_CLASS,
        )
        return flat.view(x.shape)

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """Inverse CDF over the classes in their natural order."""
        return sample(params, noise[:, 0], controls)

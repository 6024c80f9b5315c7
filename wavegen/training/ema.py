"""An exponential moving average of weights: what is validated, kept and played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """Average of a module's parameters; the first updates count more, so it starts unbiased."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self._source = dict(module.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self._source.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters as they are now."""
        self.updates += 1
        weight = 1 - min(self.decay, self.updates / (self.updates + 10))
        current = [p.detach() for p in self._source.values()]
        torch._foreach_lerp_(list(self.average.values()), current, weight)  # pyright: ignore

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module computes with the averages while this lasts."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._source.items():
            kept = parameter.detach().clone()
            parameter.copy_(self.average[name])
            self.average[name].copy_(kept)

    @torch.no_grad()
    def load(self, average: Mapping[str, Tensor], updates: int) -> None:
        """Go on from a saved average."""
        self.updates = updates
        for name, value in self.average.items():
            value.copy_(average[name])

"""Random but repeatable inputs for a model, made from its spec.

Dimensions: B batch, T time, E event shape, C condition channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..model import SequenceSpec

SPECS: Mapping[str, SequenceSpec] = MappingProxyType(
    {
        "classes": SequenceSpec(n_params=16, n_classes=16),
        "classes with conditions": SequenceSpec(
            n_params=16, n_classes=16, cond_channels=3, static_classes=4
        ),
        "values": SequenceSpec(n_params=3, n_classes=None),
        "vectors with conditions": SequenceSpec(
            n_params=6, n_classes=None, event_shape=(2,), cond_channels=2, static_channels=5
        ),
        "chords": SequenceSpec(n_params=24, n_classes=12, event_shape=(4,)),
    }
)
"""The kinds of sequences that a model of general use can be built for."""


class Inputs(NamedTuple):
    """What a model sees of B sequences of T steps."""

    x: Tensor
    cond: Tensor | None
    static: Tensor | None

    def at(self, t: int) -> tuple[Tensor, Tensor | None]:
        """Symbol `(B, *E)` and condition `(B, C)` of one step."""
        return self.x[:, t], None if self.cond is None else self.cond[:, t]

    def cut(self, start: int, stop: int) -> Inputs:
        """The steps from `start` to before `stop`."""
        cond = None if self.cond is None else self.cond[:, start:stop]
        return Inputs(self.x[:, start:stop], cond, self.static)

    def row(self, b: int) -> Inputs:
        """One sequence alone, as a batch of one."""
        cond, static = (None if v is None else v[b : b + 1] for v in (self.cond, self.static))
        return Inputs(self.x[b : b + 1], cond, static)


def random_inputs(spec: SequenceSpec, batch: int, length: int, seed: int = 0) -> Inputs:
    """Symbols, conditions and static conditions that agree with `spec`."""
    rng = torch.Generator().manual_seed(seed)
    cond = static = None
    if spec.cond_channels:
        cond = torch.randn(batch, length, spec.cond_channels, generator=rng)
    if spec.static_classes:
        static = torch.randint(spec.static_classes, (batch,), generator=rng)
    elif spec.static_channels:
        static = torch.randn(batch, spec.static_channels, generator=rng)
    return Inputs(random_symbols(spec, (batch, length), rng), cond, static)


def random_symbols(spec: SequenceSpec, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """`(*shape, *E)`: int64 classes or float32 values."""
    full = (*shape, *spec.event_shape)
    if spec.n_classes is None:
        return torch.randn(full, generator=rng)
    return torch.randint(spec.n_classes, full, generator=rng)


def other_symbols(spec: SequenceSpec, x: Tensor) -> Tensor:
    """Symbols of which every value differs from `x`."""
    if spec.n_classes is None:
        return x + 2
    return (x + max(1, spec.n_classes // 2)) % spec.n_classes


@torch.no_grad()
def awaken(module: nn.Module) -> None:
    """Put noise into parameters that are still all one number, such as a zero last layer.

    A fresh model may answer zero whatever it is asked, and would keep every law.
    """
    rng = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        if parameter.numel() and bool((parameter == parameter.flatten()[0]).all()):
            noise = 0.3 * torch.randn(parameter.shape, generator=rng)
            parameter.add_(noise.to(parameter))

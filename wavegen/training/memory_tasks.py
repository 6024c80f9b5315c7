"""Two tasks that show how far back a model remembers: adding, and copying (Bai et al. 2018).

Examples are drawn from a generator without end, so nothing can be learned by heart. Any sequence
model built for a task's `spec` can try; only its last steps are scored.

Dimensions: B batch, T time, E event shape, W scored steps, P head parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError
from ..model import SequenceSpec


class Examples(NamedTuple):
    """What goes in, `(B, T, *E)`, and what the last W steps should answer, `(B, W)`."""

    x: Tensor
    target: Tensor


class MemoryTask(ABC):
    """A task of one length; its parts are pure functions."""

    spec: ClassVar[SequenceSpec]
    n_scored: ClassVar[int]
    """W: how many steps at the end are scored."""

    @abstractmethod
    def examples(self, count: int, rng: torch.Generator) -> Examples:
        """New examples; the same generator gives the same ones."""

    @abstractmethod
    def loss(self, params: Tensor, target: Tensor) -> Tensor:
        """The mean error of the last `params` `(B, W, P)`, to be made small."""

    @abstractmethod
    def score(self, params: Tensor, target: Tensor) -> float:
        """The figure that papers report."""


@dataclass(frozen=True)
class Adding(MemoryTask):
    """Add the two marked numbers (Hochreiter and Schmidhuber 1997, section 5.4).

    An event is a number from 0 to 1 and its mark, 0 or 1. The score is the mean squared error of
    the sum at the end; to answer 1 always scores 1/6.
    """

    length: int = 200
    spec = SequenceSpec(n_params=1, n_classes=None, event_shape=(2,))
    n_scored = 1

    def __post_init__(self) -> None:
        """Refuse what has no two numbers."""
        if self.length < 2:
            raise ConfigError(f"length is {self.length}; to add takes 2 numbers or more")

    def examples(self, count: int, rng: torch.Generator) -> Examples:
        """Numbers and marks `(B, T, 2)`; sums `(B, 1)`."""
        numbers = torch.rand(count, self.length, generator=rng)
        two = torch.rand(count, self.length, generator=rng).topk(2, 1).indices
        marks = torch.zeros(count, self.length).scatter(1, two, 1.0)
        return Examples(torch.stack([numbers, marks], 2), (numbers * marks).sum(1, keepdim=True))

    def loss(self, params: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(params[..., 0], target)

    def score(self, params: Tensor, target: Tensor) -> float:
        """Mean squared error."""
        return float(self.loss(params, target))


@dataclass(frozen=True)
class CopyMemory(MemoryTask):
    """Say ten symbols again after T others (Hochreiter and Schmidhuber 1997; Arjovsky et al. 2016).

    Ten symbols of eight, T - 1 blanks, the sign to begin, and ten signs more, at which the symbols
    are asked for in their order. The score is the share of them that is right; to guess scores 1/8.
    """

    length: int = 100
    spec = SequenceSpec(n_params=10, n_classes=10)
    n_scored = 10
    blank: ClassVar[int] = 0
    sign: ClassVar[int] = 9

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to remember across."""
        if self.length < 1:
            raise ConfigError(f"length is {self.length}; it must be 1 or more")

    def examples(self, count: int, rng: torch.Generator) -> Examples:
        """Symbols `(B, 10 + T + 10)`; those to be copied `(B, 10)`, from 1 to 8."""
        symbols = torch.randint(1, 9, (count, self.n_scored), generator=rng)
        blanks = torch.full((count, self.length - 1), self.blank)
        signs = torch.full((count, 1 + self.n_scored), self.sign)
        return Examples(torch.cat([symbols, blanks, signs], 1), symbols)

    def loss(self, params: Tensor, target: Tensor) -> Tensor:
        """Mean cross entropy, nats."""
        return F.cross_entropy(params.flatten(0, 1), target.flatten())

    def score(self, params: Tensor, target: Tensor) -> float:
        """Share of symbols that are right."""
        return float((params.argmax(-1) == target).double().mean())

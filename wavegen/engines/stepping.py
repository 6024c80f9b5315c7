"""One step of all slots: model, filters and draw.

Dimensions: B slots, U uniforms, E event shape, C condition channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..heads import Filter, Head, draw_event
from ..model import SequenceModel
from ..sampling import ControlBatch


class Step(ABC):
    """A step that remembers where it stands."""

    state: Any
    """The model's memory of B voices."""
    last: Tensor
    """The symbols `(B, *E)` that the next call takes in."""

    @abstractmethod
    def __call__(self, noise: Tensor, cond: Tensor | None) -> Tensor:
        """Draw the next symbols `(B, *E)` from uniforms `(B, U)`; cond `(B, C)` belongs to them."""


class PlainStep(Step):
    """The step as PyTorch runs it, operation by operation."""

    def __init__(
        self,
        model: SequenceModel[Any],
        head: Head,
        filters: Sequence[Filter],
        state: Any,
        last: Tensor,
        controls: ControlBatch,
    ) -> None:
        self._step, self._head, self._filters = model.step, head, filters
        self.state, self.last, self.controls = state, last, controls

    def __call__(self, noise: Tensor, cond: Tensor | None) -> Tensor:
        """Step, filter, draw."""
        params, self.state = self._step(self.last, self.state, cond)
        self.last = draw_event(self._head, params, noise, self.controls, self._filters, self.last)
        return self.last

"""The contract of a model: one function of the past, in three consistent views.

    forward   all steps at once, differentiable     training, scoring
    prefill   many steps at once, from any state    priming
    step      one step, explicit state              playing

and one equation from which every law follows: prefill(x ++ y, s) == prefill(y, prefill(x, s)).

Dimensions: B batch, T time, E event shape, P head parameters, C condition channels, C' those that
a step takes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

S = TypeVar("S")


@dataclass(frozen=True)
class SequenceSpec:
    """What flows into a model and out of it; the domain decides it, the model is built for it."""

    n_params: int
    """P, from the head."""
    n_classes: int | None
    """Classes of a symbol (int64), or None for real values (float32)."""
    event_shape: tuple[int, ...] = ()
    """E: the shape of one step's event."""
    cond_channels: int = 0
    """C of the per-step (local) condition; 0 is none."""
    static_classes: int = 0
    """Number of classes of the per-sequence (global) condition, ids `(B,)`; 0 is none."""
    static_channels: int = 0
    """Width of a per-sequence condition given as a vector `(B, D)`; 0 is none."""

    @property
    def n_events(self) -> int:
        """Values in one event: the product of E."""
        return int(torch.Size(self.event_shape).numel())


class SequenceModel(nn.Module, ABC, Generic[S]):
    """p(x[t+1] | x[0..t]); `params[:, t]` describes `x[:, t+1]` and may look at `x[:, t]`.

    `cond[:, t]` belongs to the symbol that is predicted there, `x[:, t+1]`. `static` enters a
    decoding state through `init_state` and lies in it from then on.

    A model may make something of conditions that are known ahead: whoever calls `forward`, `tail`,
    `prefill` or `step` gives what `look_ahead` returned for all the conditions that there are.
    """

    spec: SequenceSpec
    receptive_field: int | None
    """How many symbols `x[:, t - R + 1 .. t]` a step can depend on; None is unbounded."""
    cond_reach: int = 0
    """How many steps further back than its symbols a step's conditions reach."""
    step_cond_channels: int | None = None
    """C', set by a model that overrides `look_ahead`; None is C."""

    @property
    def looks_ahead(self) -> bool:
        """Whether it overrides `look_ahead`, and so needs all conditions before the first step."""
        return type(self).look_ahead is not SequenceModel.look_ahead

    def look_ahead(self, cond: Tensor) -> Tensor:
        """Conditions `(B, T, C)` of whole sequences to those of each step `(B, T, C')`.

        Here row t may depend on all rows; by default it is the row itself.
        """
        return cond

    @abstractmethod
    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """`(B, T, *E)`, cond `(B, T, C')`, static `(B,)` or `(B, D)`, to `(B, T, P)`."""

    @abstractmethod
    def init_state(self, batch: int, static: Tensor | None = None) -> S:
        """The memory of B voices that have seen nothing: fresh tensors, batch as dimension 0."""

    @abstractmethod
    def step(self, x: Tensor, state: S, cond: Tensor | None = None) -> tuple[Tensor, S]:
        """`(B, *E)`, cond `(B, C')`, to `(B, P)`; consumes `state` and returns the one to use next.

        It may write into the state it is given: who wants both calls `state.fork` first.
        """

    def prefill(self, x: Tensor, state: S, cond: Tensor | None = None) -> tuple[Tensor, S]:
        """`(B, T, *E)` to the `(B, P)` of the last step; override it to run parallel over time."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        out = torch.empty(0)
        for t in range(x.shape[1]):
            out, state = self.step(x[:, t], state, None if cond is None else cond[:, t])
        return out, state

    def hidden_weights(self) -> list[nn.Parameter]:
        """Weights `(..., inputs, outputs)` between hidden channels, which Muon may train.

        None by default: then AdamW trains everything. Embeddings and the output are never hidden.
        """
        return []

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`, `(B, keep, P)`; override it to skip the others.

        Training scores a window after a lead-in that only fills the receptive field: what the
        lead-in predicts is never looked at.
        """
        return self.forward(x, cond, static)[:, -keep:]

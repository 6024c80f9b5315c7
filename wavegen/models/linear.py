"""The linear model: parameters are a linear function of the last symbols (an autoregression).

    params[t] = b + sum over k < K of W[k] v(x[t - k]) + U cond[t] + S static

Here v is the value itself, or a one-hot class. It is what any net must beat.

Dimensions: B batch, T time, E event shape, P head parameters, K lags, M numbers of an event.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.embedding import StaticEmbedding, conditions_missing
from ..model import SequenceModel, SequenceSpec
from .linear_config import LinearConfig


class LinearState(NamedTuple):
    """The memory of B voices."""

    past: Tensor
    """`(B, K, M)` the last symbols, oldest first."""
    static: Tensor
    """`(B, P)` what the static condition adds."""


class Linear(SequenceModel[LinearState]):
    """An autoregression of the order K, with conditions."""

    def __init__(self, config: LinearConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec, self.receptive_field = config, spec, config.lags
        self.width = spec.n_events * (spec.n_classes or 1)
        self.output = nn.Linear(config.lags * self.width, spec.n_params)
        self.static_embedding = StaticEmbedding(spec, spec.n_params)
        # It starts at zero, as if there were no conditions.
        shape = (spec.cond_channels, spec.n_params)
        self.cond_weight = nn.Parameter(torch.zeros(shape)) if spec.cond_channels else None

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """`(B, T, *E)` to `(B, T, P)`."""
        return self._run(x, self.init_state(x.shape[0], static), cond)[0]

    def init_state(self, batch: int, static: Tensor | None = None) -> LinearState:
        """Zeros, and what the static condition adds."""
        like = self.output.weight
        past = like.new_zeros(batch, self.config.lags, self.width)
        return LinearState(past, self.static_embedding.bias(batch, static, like))

    def step(
        self, x: Tensor, state: LinearState, cond: Tensor | None = None
    ) -> tuple[Tensor, LinearState]:
        """`(B, *E)` to `(B, P)`."""
        seen = torch.cat([state.past[:, 1:], self._vector(x)[:, None]], 1)
        out = self.output(seen.flatten(1)) + state.static + self._of(cond)
        return out, state._replace(past=seen)

    def prefill(
        self, x: Tensor, state: LinearState, cond: Tensor | None = None
    ) -> tuple[Tensor, LinearState]:
        """All steps at once."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        out, after = self._run(x, state, cond)
        return out[:, -1], after

    def _run(
        self, x: Tensor, state: LinearState, cond: Tensor | None
    ) -> tuple[Tensor, LinearState]:
        """One convolution: `(B, T, P)`, and the state after it."""
        n_lags = self.config.lags
        seen = torch.cat([state.past[:, 1:], self._vector(x)], 1)
        taps = self.output.weight.unflatten(1, (n_lags, self.width)).transpose(1, 2)
        out = F.conv1d(seen.transpose(1, 2), taps, self.output.bias).transpose(1, 2)
        out = out + state.static[:, None] + self._of(cond)
        return out, state._replace(past=seen[:, -n_lags:].clone())

    def _vector(self, x: Tensor) -> Tensor:
        """`(..., *E)` to `(..., M)`."""
        flat = x.reshape(*x.shape[: x.dim() - len(self.spec.event_shape)], self.spec.n_events)
        if self.spec.n_classes is None:
            return flat.to(self.output.weight.dtype)
        table = torch.eye(self.spec.n_classes, device=x.device, dtype=self.output.weight.dtype)
        return F.embedding(flat, table).flatten(-2)

    def _of(self, cond: Tensor | None) -> Tensor | float:
        if self.cond_weight is None:
            return 0.0
        if cond is None:
            raise conditions_missing(len(self.cond_weight))
        return cond.to(self.cond_weight.dtype) @ self.cond_weight

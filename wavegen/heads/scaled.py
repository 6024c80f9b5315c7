"""Location and scale of an event, said by the model: another head speaks of what remains.

Dimensions: B batch, P head parameters, p parameters of the inner head, E event shape, n values of
an event, k values already drawn, U uniforms of one draw.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..controls import Controls
from ..sampling import ControlBatch
from .head import Change, Head
from .missing import filled

LOG_SCALE_LIMIT = 20.0
"""Largest log-scale either way. Beyond it the square of a distance overflows in float32."""


class Scaled(Head):
    """x = location + scale z, where z has the distribution of `inner`; P = 2 n + p.

    The parameters are n locations, n log-scales (which hold from -20 to 20) and those of `inner`.
    So a model that keeps the level and spread of a series in its state can hand them on, and the
    inner head always speaks of numbers near 1. Nats are those of x, in its own units: they compare
    with those of any other head.
    """

    def __init__(self, inner: Head) -> None:
        """`inner` has real values. Raises `ValueError` otherwise."""
        super().__init__()
        if inner.n_classes is not None:
            raise ValueError(f"only real values have a scale, got {inner!r}")
        self.inner = inner
        self.event_shape = inner.event_shape
        self.n_values = math.prod(inner.event_shape)
        self.n_params = 2 * self.n_values + inner.n_params
        self.n_uniforms = inner.n_uniforms

    @property
    def draws_classes(self) -> bool:
        """As `inner` does."""
        return self.inner.draws_classes

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """-log density in nats per unit of x."""
        location, log_scale, own = self._split(params)
        x, absent = filled(x.float())
        z = ((x - location) * torch.exp(-log_scale)).masked_fill(absent, math.nan)
        stretch = log_scale.masked_fill(absent, 0).reshape((*params.shape[:-1], self.n_values))
        return self.inner.nll(own, z) + stretch.sum(-1)

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """What `inner` draws, in the units of x."""
        location, log_scale, own = self._split(params)
        return location + log_scale.exp() * self.inner.draw(own, noise, controls)

    def draw_filtered(
        self, params: Tensor, noise: Tensor, controls: ControlBatch, change: Change
    ) -> Tensor:
        """The same, with `change` applied to the parameters of `inner`; it sees values of x."""
        location, log_scale, own = self._split(params)
        scale = log_scale.exp()

        def in_units(own: Tensor, drawn: Tensor) -> Tensor:
            k = drawn.shape[1]
            if k:
                drawn = location.flatten(1)[:, :k] + scale.flatten(1)[:, :k] * drawn
            return change(own, drawn)

        return location + scale * self.inner.draw_filtered(own, noise, controls, in_units)

    def admit(self, controls: Controls) -> None:
        """As `inner` does."""
        self.inner.admit(controls)

    def _split(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Location and log-scale `(..., *E)`, and the inner parameters `(..., p)`, in float32."""
        n, shape = self.n_values, (*params.shape[:-1], *self.event_shape)
        params = params.float()
        location = params[..., :n].reshape(shape)
        raw = params[..., n : 2 * n].reshape(shape)
        return location, raw.clamp(-LOG_SCALE_LIMIT, LOG_SCALE_LIMIT), params[..., 2 * n :]

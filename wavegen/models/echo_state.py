"""Echo state network (Jaeger 2001): a fixed random reservoir, and a readout in closed form.

    h[t] = (1 - leak) h[t - 1] + leak tanh(W_back x[t] + W_in cond[t] + W h[t - 1] + b)
    y[t] = W_out [1, x[t], cond[t], h[t]]

What a model reads here is the symbol that came out last, so the weights from symbols are Jaeger's
output feedback W_back, and the per-step conditions are his input. y is the ridge regression of the
next symbol: its value, or the share of each class. In training every batch of windows is added
to the normal equations, and W_out is solved anew. The head's parameters are a small linear map
of y (of its logarithm, for classes), which alone is trained by gradient.

Dimensions: B batch, T time, E event shape, P head parameters, C condition channels, U width of
what is read (symbols, one-hot, and conditions), N units, Y width of y, F = 1 + U + N.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.embedding import conditions_missing, static_missing
from ..layers.not_compiled import not_compiled
from ..model import SequenceModel, SequenceSpec
from .echo_state_config import EchoStateConfig

_LEAST_SHARE = 1e-3
"""A regression of classes may fall below 0; its logarithm is taken of no less than this, where
rounding is still small beside it.
"""


class EchoStateMemory(NamedTuple):
    """The memory of B voices."""

    h: Tensor
    """`(B, N)` the reservoir."""
    static: Tensor
    """`(B, N)` what the static condition adds to every step, the units' bias included."""


class EchoState(SequenceModel[EchoStateMemory]):
    """Reservoir and readout are buffers: saved with the model, but not trained by gradient."""

    receptive_field = None
    input_weight: Tensor
    reservoir: Tensor
    unit_bias: Tensor
    static_weight: Tensor
    readout: Tensor
    gram: Tensor
    moment: Tensor
    count: Tensor

    def __init__(self, config: EchoStateConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        n_units, n_targets = config.units, spec.n_events * (spec.n_classes or 1)
        n_features = 1 + n_targets + spec.cond_channels + n_units
        n_static = spec.static_classes or spec.static_channels
        feedback = _uniform(n_targets, n_units) * config.feedback
        into = _uniform(spec.cond_channels, n_units) * config.input_scale
        self.register_buffer("input_weight", torch.cat([feedback, into]))
        self.register_buffer("reservoir", _reservoir(config))
        self.register_buffer("unit_bias", _uniform(n_units) * config.bias)
        self.register_buffer("static_weight", _uniform(n_static, n_units) * config.input_scale)
        # Before the first fit: all classes alike, or zero, and a little of everything.
        share = 1 / (spec.n_classes or 1)
        readout = 0.3 * share * torch.randn(n_features, n_targets) / math.sqrt(n_features)
        if spec.n_classes is not None:
            readout[0] += share
        self.register_buffer("readout", readout)
        self.output = nn.Linear(n_targets, spec.n_params)
        if spec.n_classes is not None and n_targets == spec.n_params:
            with torch.no_grad():  # the logarithm of a share is its logit
                self.output.weight.copy_(torch.eye(n_targets))
                self.output.bias.zero_()
        # The normal equations, in float64: small ridges need it. Saved, so that a training that is
        # resumed, and `fit` of a loaded model, go on from all that was given before.
        self.register_buffer("gram", torch.zeros(n_features, n_features, dtype=torch.float64))
        self.register_buffer("moment", torch.zeros(n_features, n_targets, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """`(B, T, *E)` to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`; in training the readout is first fitted to them."""
        u, h, _ = self._run(x, self.init_state(x.shape[0], static), cond)
        u, h = u[:, -keep:], h[:, -keep:]
        if self.training:
            self._learn(u, h)
        with torch.autocast(x.device.type, enabled=False):
            return self._params(u, h)

    def fit(
        self,
        x: Tensor,
        cond: Tensor | None = None,
        static: Tensor | None = None,
        washout: int = 0,
    ) -> None:
        """Fit the readout to windows `(B, T, *E)` and all that were given before.

        The first `washout` steps are left out: a reservoir begins with zeros that fade.
        """
        u, h, _ = self._run(x, self.init_state(x.shape[0], static), cond)
        self._learn(u[:, washout:], h[:, washout:])

    def predict(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The readout alone, `(B, T, Y)`: the value that comes next, or the share of each class."""
        u, h, _ = self._run(x, self.init_state(x.shape[0], static), cond)
        return self._read(u, h)

    def init_state(self, batch: int, static: Tensor | None = None) -> EchoStateMemory:
        """A quiet reservoir, and what is added to every step."""
        bias = self.unit_bias.expand(batch, -1)
        if len(self.static_weight):
            if static is None:
                raise static_missing()
            if self.spec.static_classes:
                bias = bias + F.embedding(static, self.static_weight)
            else:
                bias = bias + static.to(bias.dtype) @ self.static_weight
        return EchoStateMemory(torch.zeros_like(bias), bias.clone())

    def step(
        self, x: Tensor, state: EchoStateMemory, cond: Tensor | None = None
    ) -> tuple[Tensor, EchoStateMemory]:
        """`(B, *E)` to `(B, P)`."""
        u = self._given(x, cond)
        h = self._next(torch.addmm(state.static, u, self.input_weight), state.h)
        return self._params(u, h), state._replace(h=h)

    def prefill(
        self, x: Tensor, state: EchoStateMemory, cond: Tensor | None = None
    ) -> tuple[Tensor, EchoStateMemory]:
        """What enters the reservoir at once; only the reservoir itself goes by steps."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        u, h, last = self._run(x, state, cond)
        return self._params(u[:, -1], h[:, -1]), state._replace(h=last)

    @not_compiled
    def _run(
        self, x: Tensor, state: EchoStateMemory, cond: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What was read `(B, T, U)`, the reservoir `(B, T, N)`, and its last state `(B, N)`."""
        with torch.autocast(x.device.type, enabled=False):  # echoes need all digits
            u, h = self._given(x, cond), state.h
            states = list[Tensor]()
            for z in (u @ self.input_weight + state.static[:, None]).unbind(1):
                h = self._next(z, h)
                states.append(h)
            return u, torch.stack(states, 1), h

    @torch.no_grad()
    def _learn(self, u: Tensor, h: Tensor) -> None:
        """Add steps to the normal equations A W = M and solve (A / n + ridge I) W = M / n."""
        features = torch.cat([torch.ones_like(h[..., :1]), u, h], -1)
        rows = features[:, :-1].flatten(0, 1).double()
        targets = u[:, 1:, : self.readout.shape[1]].flatten(0, 1).double()
        if len(rows) == 0:
            return
        self.gram += rows.t() @ rows
        self.moment += rows.t() @ targets
        self.count += len(rows)
        penalty = self.config.ridge * torch.eye(len(self.gram)).to(self.gram)
        solved = torch.linalg.solve(self.gram / self.count + penalty, self.moment / self.count)
        self.readout.copy_(solved)

    def _next(self, z: Tensor, h: Tensor) -> Tensor:
        new, leak = torch.addmm(z, h, self.reservoir).tanh(), self.config.leak
        return new if leak == 1 else h + leak * (new - h)

    def _given(self, x: Tensor, cond: Tensor | None) -> Tensor:
        """Symbols one-hot, or values, and conditions: `(..., U)`."""
        spec = self.spec
        lead = x.shape[: x.dim() - len(spec.event_shape)]
        if spec.n_classes is None:
            u = x.reshape(*lead, spec.n_events).to(self.readout.dtype)
        else:
            hot = F.one_hot(x.reshape(*lead, spec.n_events), spec.n_classes)
            u = hot.flatten(-2).to(self.readout.dtype)
        if spec.cond_channels == 0:
            return u
        if cond is None:
            raise conditions_missing(spec.cond_channels)
        return torch.cat([u, cond.to(u.dtype)], -1)

    def _read(self, u: Tensor, h: Tensor) -> Tensor:
        n = 1 + u.shape[-1]
        return self.readout[0] + u @ self.readout[1:n] + h @ self.readout[n:]

    def _params(self, u: Tensor, h: Tensor) -> Tensor:
        """`(..., U)` and `(..., N)` to `(..., P)`."""
        y = self._read(u, h)
        return self.output(y if self.spec.n_classes is None else y.clamp_min(_LEAST_SHARE).log())


def _uniform(*shape: int) -> Tensor:
    return 2 * torch.rand(shape) - 1


def _reservoir(config: EchoStateConfig) -> Tensor:
    """Sparse and random `(N, N)`, scaled to the spectral radius."""
    n = config.units
    weight = _uniform(n, n).double() * (torch.rand(n, n) >= config.sparsity)
    if weight.is_meta:  # only its shape is asked for
        return weight.float()
    radius = torch.linalg.eigvals(weight).abs().max()
    if radius > 0:
        weight *= config.spectral_radius / radius
    return weight.float()

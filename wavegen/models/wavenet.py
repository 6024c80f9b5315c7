"""WaveNet (van den Oord et al. 2016) with cached generation (Le Paine et al. 2016).

Stacks of dilated causal convolutions with gated units, residual and skip connections. The
parameters of all layers lie in a few stacked tensors: a step reads all delay lines at once and
projects them in one product, training does all skips in one product.

Dimensions: B batch, T time, E event shape, P head parameters, L layers, K taps, R residual
channels, G gate channels, H hidden channels of a layer, S skip channels, C condition channels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..layers.delay import DelayLines
from ..layers.embedding import static_missing
from ..layers.gated_stack import StackShape, gated_stack
from ..layers.product import product
from ..layers.weight_norm import WeightNorm
from ..model import SequenceModel, SequenceSpec
from .wavenet_config import WaveNetConfig

_STATIC_SHARE = 0.1
"""A class sees few of the windows: its bias takes steps this much shorter than a layer's own."""


class WaveNetState(NamedTuple):
    """The memory of B voices."""

    clock: Tensor
    """`(B,)` symbols seen."""
    rings: Tensor
    """`(B, R, C)` delay lines of all layers."""
    cond_rings: Tensor
    """`(B, R', C)` delay lines of the condition net; R' is 0 where there is none."""
    static: Tensor
    """`(B, L, G)` what the static condition adds to each layer."""


class WaveNet(SequenceModel[WaveNetState]):
    """Symbols, or real values, in; parameters of the next ones out."""

    def __init__(self, config: WaveNetConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        dilations = config.all_dilations
        gated = config.activation == "gated"
        n_layers, n_taps = len(dilations), config.kernel
        residual, gate, skip = config.residual_channels, config.gate_channels, config.skip_channels
        hidden = gate // 2 if gated else gate
        output = config.output_channels or skip
        self.shape = StackShape(dilations, n_taps, gated, config.residual, config.dropout)
        self.receptive_field = 1 + (n_taps - 1) * sum(dilations)
        self.delay = DelayLines(dilations, n_taps, residual)

        n_inputs = spec.n_events * (spec.n_classes or 1)
        self.embedding = _weight(n_inputs, residual, fan_in=spec.n_events)
        self.embedding_bias = nn.Parameter(torch.zeros(residual))
        fan_in = n_taps * residual
        self.gate_weight = _weight(n_layers, fan_in + spec.cond_channels, gate, fan_in=fan_in)
        self.gate_bias = nn.Parameter(torch.zeros(n_layers, gate))
        self.residual_weight = _weight(n_layers, hidden, residual, fan_in=hidden)
        self.residual_bias = nn.Parameter(torch.zeros(n_layers, residual))
        n_skips = n_layers if config.skip else 1
        self.skip_weight = _weight(n_skips, hidden, skip, fan_in=hidden * math.sqrt(n_skips))
        self.skip_bias = nn.Parameter(torch.zeros(n_skips, skip))
        self.output_hidden = nn.Linear(skip, output)
        self.output_params = nn.Linear(output, spec.n_params)

        # V of equation 3, over a one-hot class or a vector. It starts at zero, as if there were no
        # static condition, with no gate pushed shut.
        static = spec.static_classes or spec.static_channels
        self.static_weight = nn.Parameter(torch.zeros(static, n_layers * gate)) if static else None
        self.cond_net = _CondNet(config.cond_layers, spec.cond_channels)
        self.cond_reach = sum(self.cond_net.delay.lengths)
        if config.weight_norm:
            for name in ("gate_weight", "residual_weight", "skip_weight"):
                parametrize.register_parametrization(self, name, WeightNorm())

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """All steps at once: `(B, T, *E)` to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`; the others cost no more than the memory they fill."""
        batch, n_steps = x.shape[:2]
        h = self._embed(x.transpose(0, 1)).flatten(0, 1)
        local = None if cond is None else self.cond_net(cond).transpose(0, 1).flatten(0, 1)
        acts = gated_stack(
            h,
            local,
            self.gate_weight,
            self.gate_bias[:, None] + self._static_bias(batch, static).transpose(0, 1),
            self.residual_weight,
            self.residual_bias,
            min(keep, n_steps),
            self.shape if self.training else self.shape._replace(dropout=0.0),
        )
        return self._output(acts).unflatten(0, (-1, batch)).transpose(0, 1)

    def init_state(self, batch: int, static: Tensor | None = None) -> WaveNetState:
        """Silent delay lines, and what the static condition adds to each layer."""
        return WaveNetState(
            torch.zeros(batch, dtype=torch.int64, device=self.gate_bias.device),
            self.delay.empty(batch, self.gate_bias),
            self.cond_net.delay.empty(batch, self.gate_bias),
            self._static_bias(batch, static).clone(),
        )

    def step(
        self, x: Tensor, state: WaveNetState, cond: Tensor | None = None
    ) -> tuple[Tensor, WaveNetState]:
        """One symbol `(B, *E)` to `(B, P)`; writes into the delay lines of `state`."""
        weight = self.gate_weight
        width, n_past = self.config.residual_channels, self.config.kernel - 1
        past = self.delay.read(state.rings, state.clock).unflatten(1, (-1, n_past)).flatten(2)
        columns = past.transpose(0, 1)  # (L, B, (K - 1) * R)
        bias = self.gate_bias[:, None] + state.static.transpose(0, 1)
        cond_rings = state.cond_rings
        if cond is not None:
            cond, cond_rings = self.cond_net.step(cond, cond_rings, state.clock)
            columns = torch.cat([columns, cond.expand(len(columns), -1, -1)], -1)
        gates = torch.baddbmm(bias, columns, weight[:, width:]).unbind(0)
        h = self._embed(x)
        present = weight[:, :width].unbind(0)
        mixes, shifts = self.residual_weight.unbind(0), self.residual_bias.unbind(0)
        inputs, acts = [], []
        last = len(gates) - 1
        for layer, from_past in enumerate(gates):
            z = torch.addmm(from_past, h, present[layer])
            a = self._unit(z)
            inputs.append(h)
            acts.append(a)
            if layer < last:
                mixed = torch.addmm(shifts[layer], a, mixes[layer])
                h = h + mixed if self.shape.residual else mixed
        rings = self.delay.write(state.rings, state.clock, torch.stack(inputs, 1))
        out = self._output(torch.cat(acts, 1))
        return out, state._replace(clock=state.clock + 1, rings=rings, cond_rings=cond_rings)

    def prefill(
        self, x: Tensor, state: WaveNetState, cond: Tensor | None = None
    ) -> tuple[Tensor, WaveNetState]:
        """One parallel pass over `(B, T, *E)` that goes on from `state` and fills its rings."""
        n_steps = x.shape[1]
        if n_steps == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        h = self._embed(x)
        local = None
        if cond is not None:
            local = self.cond_net.prefill(cond, state.cond_rings, state.clock)
        acts = []
        for layer, dilation in enumerate(self.shape.dilations):
            seen = torch.cat([self.delay.history(state.rings, state.clock, layer), h], 1)
            lags = [k * dilation for k in range(self.config.kernel)]
            end = seen.shape[1]
            taps = [seen[:, end - lag - n_steps : end - lag] for lag in lags]
            columns = torch.cat([*taps, *([] if local is None else [local])], -1)
            bias = self.gate_bias[layer] + state.static[:, layer, None]
            a = self._unit(bias + columns @ self.gate_weight[layer])
            self.delay.fill(state.rings, state.clock, layer, h)
            acts.append(a[:, -1])
            mixed = a @ self.residual_weight[layer] + self.residual_bias[layer]
            h = h + mixed if self.shape.residual else mixed
        out = self._output(torch.cat(acts, 1))
        return out, state._replace(clock=state.clock + n_steps)

    def hidden_weights(self) -> list[nn.Parameter]:
        """All layers and the output net's first half; none under weight norm, which has its own."""
        if self.config.weight_norm:
            return []
        named = [self.gate_weight, self.residual_weight, self.skip_weight]
        return [p for p in (*named, self.output_hidden.weight) if isinstance(p, nn.Parameter)]

    def _embed(self, x: Tensor) -> Tensor:
        """Symbols or values `(..., *E)` to `(..., R)`: a one-hot product, written as a look-up."""
        n_events, n_classes = self.spec.n_events, self.spec.n_classes
        values = x.flatten(x.dim() - len(self.spec.event_shape)) if self.spec.event_shape else x
        if n_classes is None:
            flat = values if self.spec.event_shape else values[..., None]
            return flat.to(self.embedding.dtype) @ self.embedding + self.embedding_bias
        if n_events == 1:
            flat = values.squeeze(-1) if self.spec.event_shape else values
            return F.embedding(flat, self.embedding) + self.embedding_bias
        first = torch.arange(n_events, device=x.device) * n_classes
        return F.embedding(values + first, self.embedding).sum(-2) + self.embedding_bias

    def _unit(self, z: Tensor) -> Tensor:
        """Gated unit, or ReLU: `(..., G)` to `(..., H)`."""
        if not self.shape.gated:
            return z.relu()
        filtered, gate = z.chunk(2, -1)
        return filtered.tanh() * gate.sigmoid()

    def _output(self, acts: Tensor) -> Tensor:
        """Hidden outputs of all layers `(N, L * H)` to `(N, P)`."""
        n_skips, width, _ = self.skip_weight.shape
        used = acts[:, acts.shape[1] - n_skips * width :]
        skip = product(used, self.skip_weight.flatten(0, 1), self.skip_bias.sum(0)).relu()
        hidden = product(skip, self.output_hidden.weight.t(), self.output_hidden.bias).relu()
        return product(hidden, self.output_params.weight.t(), self.output_params.bias)

    def _static_bias(self, batch: int, static: Tensor | None) -> Tensor:
        """What the static condition adds to each layer's gate: `(B, L, G)`."""
        n_layers, gate = self.gate_bias.shape
        if self.static_weight is None:
            return self.gate_bias.new_zeros(batch, n_layers, gate)
        if static is None:
            raise static_missing()
        if self.spec.static_classes:
            bias = F.embedding(static, self.static_weight)
        else:
            bias = static @ self.static_weight
        return _STATIC_SHARE * bias.view(batch, n_layers, gate)


class _CondNet(nn.Module):
    """Causal layers over per-step conditions: they smooth frames that were repeated step by step.

    Each layer adds a ReLU of two taps at dilations 1, 2, 4, ...; with no layers it is the identity.
    """

    def __init__(self, n_layers: int, channels: int) -> None:
        super().__init__()
        self.n_layers = n_layers if channels else 0
        dilations = [2**i for i in range(self.n_layers)]
        self.delay = DelayLines(dilations, 2, channels)
        self.taps = nn.ModuleList(nn.Linear(2 * channels, channels) for _ in dilations)
        self.channels = channels

    def forward(self, cond: Tensor) -> Tensor:
        """`(B, T, C)` to `(B, T, C)`."""
        for tap, dilation in zip(self.taps, self.delay.lengths, strict=True):
            past = F.pad(cond, (0, 0, dilation, 0))[:, : cond.shape[1]]
            cond = cond + tap(torch.cat([cond, past], -1)).relu()
        return cond

    def step(self, cond: Tensor, rings: Tensor, clock: Tensor) -> tuple[Tensor, Tensor]:
        """`(B, C)` to `(B, C)`, and the rings after it; writes into `rings`."""
        if self.n_layers == 0:
            return cond, rings
        past, inputs = self.delay.read(rings, clock).unbind(1), []
        for tap, before in zip(self.taps, past, strict=True):
            inputs.append(cond)
            cond = cond + tap(torch.cat([cond, before], -1)).relu()
        return cond, self.delay.write(rings, clock, torch.stack(inputs, 1))

    def prefill(self, cond: Tensor, rings: Tensor, clock: Tensor) -> Tensor:
        """`(B, T, C)` to `(B, T, C)`, going on from `rings` and writing into them."""
        for lane, tap in enumerate(self.taps):
            seen = torch.cat([self.delay.history(rings, clock, lane), cond], 1)
            self.delay.fill(rings, clock, lane, cond)
            cond = cond + tap(torch.cat([cond, seen[:, : cond.shape[1]]], -1)).relu()
        return cond


def _weight(*shape: int, fan_in: float) -> nn.Parameter:
    """Normal with variance 1 / fan_in: unit variance in, unit variance out."""
    return nn.Parameter(torch.randn(*shape) / math.sqrt(fan_in))

"""Gated DeltaNet (Yang et al. 2024): layers of matrix memories that decay and correct themselves.

Without the correction it is Mamba-2 (Dao and Gu 2024, with gated decay) or RetNet (Sun et al. 2023,
with fixed decay and rotary positions), without the decay it is DeltaNet (Yang et al. 2024).

    x + mix(norm(x)),  then  x + feed_forward(norm(x))

Dimensions: B batch, T steps, E event shape, P head parameters, W width, L layers, H heads, K key
width, V value width, Q = H (2 K + V) channels of the convolution, n its taps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.delay import DelayLines
from ..layers.delta_rule import delta_rule, delta_step
from ..layers.embedding import EventEmbedding, StaticEmbedding
from ..layers.feed_forward import GatedFeedForward, weight
from ..layers.positions import Angles, rotated
from ..model import SequenceModel, SequenceSpec
from .gated_delta_config import GatedDeltaConfig

_EPS = 1e-6
_READ_EPS = 1e-3
"""A memory may answer nothing at all; a norm that blew that up would blow up rounding errors."""


class GatedDeltaState(NamedTuple):
    """The memory of B voices."""

    clock: Tensor
    """`(B,)` symbols seen."""
    rings: Tensor
    """`(B, L (n - 1), Q)` what the convolutions of all layers have seen last."""
    memories: tuple[Tensor, ...]
    """L of `(B, H, K, V)`."""
    static: Tensor
    """`(B, W)` what the static condition adds to each embedding."""


class GatedDelta(SequenceModel[GatedDeltaState]):
    """Symbols, or real values, in; parameters of the next ones out."""

    receptive_field = None

    def __init__(self, config: GatedDeltaConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        channels = config.heads * (2 * config.key_width + config.value_width)
        self.embedding = EventEmbedding(spec, config.width)
        self.static = StaticEmbedding(spec, config.width)
        self.delay = DelayLines([1] * config.layers, config.conv, channels)
        self.angles = Angles(config.key_width // 2) if config.rotary else None
        self.conv_weight = nn.Parameter(
            torch.randn(config.layers, config.conv, channels) / math.sqrt(config.conv)
        )
        """The present first."""
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, _EPS)
        self.output = nn.Linear(config.width, spec.n_params)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """All steps at once: `(B, T, *E)` to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`."""
        h, _, _ = self._pass(x, self.init_state(len(x), static), cond)
        return self.output(self.norm(h[:, -keep:]))

    def init_state(self, batch: int, static: Tensor | None = None) -> GatedDeltaState:
        """Empty memories, silent convolutions, and what the static condition adds."""
        config, like = self.config, self.output.bias
        shape = (batch, config.heads, config.key_width, config.value_width)
        wide = torch.promote_types(
            like.dtype, torch.float32
        )  # a half would round small writes away
        return GatedDeltaState(
            torch.zeros(batch, dtype=torch.int64, device=like.device),
            self.delay.empty(batch, like),
            tuple(like.new_zeros(shape, dtype=wide) for _ in self.layers),
            self.static.bias(batch, static, like),
        )

    def step(
        self, x: Tensor, state: GatedDeltaState, cond: Tensor | None = None
    ) -> tuple[Tensor, GatedDeltaState]:
        """One symbol `(B, *E)` to `(B, P)`; writes into the rings of `state`."""
        h = self.embedding(x, cond) + state.static
        angles = None if self.angles is None else self.angles(state.clock)
        taps = self.delay.read(state.rings, state.clock).unflatten(1, (len(self.layers), -1))
        past = _sum_of_taps(taps.unbind(2), self.conv_weight[:, 1:].unbind(1))
        seen, memories = list[Tensor](), list[Tensor]()
        for i, layer in enumerate(self._layers()):
            normed = layer.norm(h)
            enters = layer.enter(normed)
            q, k, v = layer.parts(past[:, i] + enters * self.conv_weight[i, 0], angles)
            read, memory = delta_step(q, k, v, *layer.gates(normed), state.memories[i])
            h = layer.leave(h, normed, read)
            seen.append(enters)
            memories.append(memory)
        rings = self.delay.write(state.rings, state.clock, torch.stack(seen, 1))
        out = self.output(self.norm(h))
        return out, state._replace(clock=state.clock + 1, rings=rings, memories=tuple(memories))

    def prefill(
        self, x: Tensor, state: GatedDeltaState, cond: Tensor | None = None
    ) -> tuple[Tensor, GatedDeltaState]:
        """One parallel pass over `(B, T, *E)` that goes on from `state`."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        h, memories, seen = self._pass(x, state, cond)
        for lane, enters in enumerate(seen):
            begin = state.clock + x.shape[1] - enters.shape[1]
            self.delay.fill(state.rings, begin, lane, enters)
        out = self.output(self.norm(h[:, -1]))
        return out, state._replace(clock=state.clock + x.shape[1], memories=memories)

    def hidden_weights(self) -> list[nn.Parameter]:
        """The projections of all layers."""
        return [w for layer in self._layers() for w in layer.hidden_weights()]

    def _layers(self) -> list[Layer]:
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def _pass(
        self, x: Tensor, state: GatedDeltaState, cond: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...], list[Tensor]]:
        """`(B, T, W)` of all steps going on from `state`; the memories, and what the convolutions
        have seen last, of each layer.
        """
        n_steps, n_past = x.shape[1], self.config.conv - 1
        h = self.embedding(x, cond) + state.static[:, None]
        times = state.clock[:, None] + torch.arange(n_steps, device=x.device)
        angles = None if self.angles is None else self.angles(times)
        memories, last = list[Tensor](), list[Tensor]()
        for i, layer in enumerate(self._layers()):
            normed = layer.norm(h)
            before = self.delay.history(state.rings, state.clock, i)
            seen = torch.cat([before, layer.enter(normed).to(before.dtype)], 1)
            taps = [seen[:, n_past - lag :][:, :n_steps] for lag in range(n_past + 1)]
            convolved = _sum_of_taps(taps, self.conv_weight[i])
            q, k, v = (part.transpose(1, 2) for part in layer.parts(convolved, angles))
            strength, log_decay = layer.gates(normed)
            strength = None if strength is None else strength.mT
            read, memory = delta_rule(q, k, v, strength, log_decay.mT, state.memories[i])
            h = layer.leave(h, normed, read.transpose(1, 2))
            memories.append(memory)
            last.append(seen[:, n_past:][:, -n_past:])
        return h, tuple(memories), last


class Layer(nn.Module):
    """What one layer does around its memory; its inputs may have any leading dimensions."""

    def __init__(self, config: GatedDeltaConfig) -> None:
        super().__init__()
        self.config = config
        width, heads, hidden = config.width, config.heads, config.hidden
        keys, values = heads * config.key_width, heads * config.value_width
        deep = math.sqrt(2 * config.layers)  # so that the residual stream does not grow with depth
        self.norm = nn.RMSNorm(width, _EPS)
        self.query, self.key = weight(width, keys), weight(width, keys)
        self.value, self.gate = weight(width, values), weight(width, values)
        self.mix = weight(values, width, shrink=deep)
        self.read_norm = nn.RMSNorm(config.value_width, _READ_EPS)
        self.strength = nn.Linear(width, heads) if config.delta else None
        self.decay = nn.Linear(width, heads) if config.decay == "gated" else None
        if self.decay is not None:
            # As in Mamba-2: a first decay of exp(-rate dt), rate 1 to 16, dt 0.001 to 0.1.
            dt = torch.exp(torch.empty(heads).uniform_(math.log(0.001), math.log(0.1)))
            self.decay.bias = nn.Parameter(dt.expm1().log())
            self.log_rate = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        # RetNet, section 3.1: 1 - 2^-5, 1 - 2^-6, ...; none is a decay of 1.
        fixed = 1 - 2.0 ** (-5 - 8 * torch.arange(heads) / heads)
        fixed_log = fixed.log() if config.decay == "fixed" else torch.zeros(heads)
        self.register_buffer("_fixed", fixed_log, persistent=False)
        self.feed_forward = GatedFeedForward(width, hidden, deep) if hidden else None
        self.ff_norm = nn.RMSNorm(width, _EPS) if hidden else None

    _fixed: Tensor

    def enter(self, normed: Tensor) -> Tensor:
        """What the convolution sees: `(..., W)` to `(..., Q)`."""
        return torch.cat([normed @ self.query, normed @ self.key, normed @ self.value], -1)

    def parts(self, convolved: Tensor, angles: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """`(..., Q)` to unit queries and keys `(..., H, K)` and values `(..., H, V)`."""
        heads, key_width = self.config.heads, self.config.key_width
        acted = F.silu(convolved)
        pairs = acted[..., : 2 * heads * key_width].unflatten(-1, (2 * heads, key_width))
        pairs = pairs * (pairs.square().sum(-1, keepdim=True) + _EPS).rsqrt()
        if angles is not None:
            pairs = rotated(pairs, angles)
        q, k = pairs.chunk(2, -2)
        return q, k, acted[..., 2 * heads * key_width :].unflatten(-1, (heads, -1))

    def gates(self, normed: Tensor) -> tuple[Tensor | None, Tensor]:
        """How strongly to correct, and the logarithm of the decay: `(..., H)` each."""
        strength = None if self.strength is None else self.strength(normed).sigmoid()
        if self.decay is None:
            return strength, self._fixed.expand(*normed.shape[:-1], -1)
        return strength, -self.log_rate.exp() * F.softplus(self.decay(normed))

    def leave(self, h: Tensor, normed: Tensor, read: Tensor) -> Tensor:
        """The residual stream after what the memory gave, `(..., H, V)`, and the feed-forward."""
        opened = self.read_norm(read.to(h.dtype)).flatten(-2) * F.silu(normed @ self.gate)
        h = h + self._dropped(opened @ self.mix)
        if self.feed_forward is None or self.ff_norm is None:
            return h
        return h + self._dropped(self.feed_forward(self.ff_norm(h)))

    def hidden_weights(self) -> list[nn.Parameter]:
        """The projections; the gates of one number a head are for AdamW."""
        found = [self.query, self.key, self.value, self.gate, self.mix]
        return found + ([] if self.feed_forward is None else self.feed_forward.hidden_weights())

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.config.dropout, self.training)


def _sum_of_taps(taps: Iterable[Tensor], weights: Iterable[Tensor]) -> Tensor:
    """A convolution of each channel by itself, the taps of which lie apart."""
    first, *others = (tap * w for tap, w in zip(taps, weights, strict=True))
    for other in others:
        first = first + other
    return first

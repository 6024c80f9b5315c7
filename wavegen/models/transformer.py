"""Transformer with a window (Vaswani et al. 2017), played with a ring of keys and values.

Each layer attends to the last W steps, so that the memory of a voice has an end. A step reads all
of it: its cost grows with W, where that of the linear transformer stays.

Dimensions: B batch, T time, E event shape, P head parameters, L layers, W window, C width,
H heads, D = C / H channels of a head, R = 2 L (W - 1) ring cells of all layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.delay import DelayLines
from ..layers.embedding import EventEmbedding, StaticEmbedding
from ..layers.positions import Angles, rotated
from ..layers.transformer_block import Block
from ..layers.window_attention import window_attention, window_attention_step
from ..model import SequenceModel, SequenceSpec
from .transformer_config import TransformerConfig

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Layer, queries, keys, values `(..., H, D)` to what is attended to."""


class TransformerState(NamedTuple):
    """The memory of B voices."""

    clock: Tensor
    """`(B,)` symbols seen."""
    rings: Tensor
    """`(B, R, C)` keys and values of all layers by turns."""
    static: Tensor
    """`(B, C)` what the static condition adds to the embedding."""


class Transformer(SequenceModel[TransformerState]):
    """Symbols, or real values, in; parameters of the next ones out."""

    def __init__(self, config: TransformerConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        width, past = config.width, config.window - 1
        self.receptive_field = config.layers * past + 1
        self.embedding = EventEmbedding(spec, width)
        self.static = StaticEmbedding(spec, width)
        self.delay = DelayLines([past] * (2 * config.layers), 2, width)
        self.angles = self.distance_bias = None
        if config.positions == "rotary":
            self.angles = Angles(width // config.heads // 2)
        else:
            shape = (config.layers, config.heads, config.window)
            self.distance_bias = nn.Parameter(torch.zeros(shape))
        pre_norm = config.norm == "pre"
        self.blocks = nn.ModuleList(
            Block(
                width,
                config.heads,
                config.feed_forward,
                depth=config.layers,
                pre_norm=pre_norm,
                dropout=config.dropout,
            )
            for _ in range(config.layers)
        )
        self.last_norm = nn.LayerNorm(width) if pre_norm else nn.Identity()
        self.output = nn.Linear(width, spec.n_params)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """All steps at once: `(B, T, *E)` to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`."""
        past = self.config.window - 1
        bias = self.static.bias(x.shape[0], static, self.output.weight)
        h = self.embedding(x, cond) + bias[:, None]
        nothing_seen = torch.full((1,), past, device=x.device)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            k, v = (F.pad(x, (0, 0, 0, 0, past, 0)) for x in (k, v))
            return self._window(layer, q, k, v, nothing_seen)

        h = self._run(h, torch.arange(x.shape[1], device=x.device), attend)
        return self.output(self.last_norm(h[:, -keep:]))

    def init_state(self, batch: int, static: Tensor | None = None) -> TransformerState:
        """Empty rings, and what the static condition adds to the embedding."""
        like = self.output.weight
        return TransformerState(
            torch.zeros(batch, dtype=torch.int64, device=like.device),
            self.delay.empty(batch, like),
            self.static.bias(batch, static, like),
        )

    def step(
        self, x: Tensor, state: TransformerState, cond: Tensor | None = None
    ) -> tuple[Tensor, TransformerState]:
        """One symbol `(B, *E)` to `(B, P)`; writes into the rings of `state`."""
        rings, clock = state.rings, state.clock
        parts = rings.split(self.delay.lengths, 1)
        present: list[Tensor] = []

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            present.extend((k.flatten(1), v.flatten(1)))
            past_k, past_v = parts[2 * layer : 2 * layer + 2]
            return window_attention_step(q, k, v, past_k, past_v, clock, self._bias(layer))

        h = self._run(self.embedding(x, cond) + state.static, clock, attend)
        out = self.output(self.last_norm(h))
        rings = self.delay.write(rings, clock, torch.stack(present, 1))
        return out, state._replace(clock=clock + 1, rings=rings)

    def prefill(
        self, x: Tensor, state: TransformerState, cond: Tensor | None = None
    ) -> tuple[Tensor, TransformerState]:
        """One parallel pass over `(B, T, *E)` that goes on from `state` and fills its rings."""
        n_steps = x.shape[1]
        if n_steps == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        rings, clock = state.rings, state.clock
        not_seen = (self.config.window - 1 - clock).clamp_min(0)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            k, v = remember(2 * layer, k), remember(2 * layer + 1, v)
            return self._window(layer, q, k, v, not_seen)

        def remember(lane: int, new: Tensor) -> Tensor:
            past = self.delay.history(rings, clock, lane).unflatten(2, new.shape[2:])
            self.delay.fill(rings, clock, lane, new.flatten(2))
            return torch.cat([past, new], 1)

        h = self.embedding(x, cond) + state.static[:, None]
        h = self._run(h, clock[:, None] + torch.arange(n_steps, device=x.device), attend)
        out = self.output(self.last_norm(h[:, -1]))
        return out, state._replace(clock=clock + n_steps)

    def hidden_weights(self) -> list[nn.Parameter]:
        """The matrices of all layers."""
        return [weight for block in self._blocks() for weight in block.hidden_weights()]

    def _run(self, h: Tensor, position: Tensor, attend: Attend) -> Tensor:
        """All layers, for one step `(B, C)` or many `(B, T, C)`."""
        h = F.dropout(h, self.config.dropout, self.training)
        angles = None if self.angles is None else self.angles(position)
        for layer, block in enumerate(self._blocks()):

            def mix(q: Tensor, k: Tensor, v: Tensor, layer: int = layer) -> Tensor:
                if angles is not None:
                    q, k = rotated(q, angles), rotated(k, angles)
                return attend(layer, q, k, v)

            h = block(h, mix)
        return h

    def _window(self, layer: int, q: Tensor, k: Tensor, v: Tensor, first: Tensor) -> Tensor:
        """Many steps of all heads, `(B, T, H, D)`."""
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        return window_attention(q, k, v, first, self._bias(layer)).transpose(1, 2)

    def _bias(self, layer: int) -> Tensor | None:
        return None if self.distance_bias is None else self.distance_bias[layer]

    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

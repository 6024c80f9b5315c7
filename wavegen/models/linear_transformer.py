"""Linear transformer (Katharopoulos et al. 2020): trained as attention, played as an RNN.

Attention by a kernel of features needs only two sums over the past, whatever its length: a step
takes the same time and memory at the first symbol and at the millionth.

Dimensions: B batch, T time, E event shape, P head parameters, L layers, W width, H heads,
D = W / H channels of a head, F features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.embedding import EventEmbedding, StaticEmbedding
from ..layers.feature_maps import feature_map
from ..layers.linear_attention import (
    LinearMemory,
    empty_memory,
    linear_attention,
    linear_attention_step,
)
from ..layers.positions import Angles, LearnedPositions, Sinusoids, rotated
from ..layers.transformer_block import Block
from ..model import SequenceModel, SequenceSpec
from .linear_transformer_config import LinearTransformerConfig

Attend = Callable[[Tensor, Tensor, Tensor, LinearMemory, float], tuple[Tensor, LinearMemory]]


class LinearTransformerState(NamedTuple):
    """The memory of B voices."""

    clock: Tensor
    """`(B,)` symbols seen."""
    layers: tuple[LinearMemory, ...]
    """L sums `(B, H, F, D)` and `(B, H, F)`."""
    static: Tensor
    """`(B, W)` what the static condition adds to the embedding."""


class LinearTransformer(SequenceModel[LinearTransformerState]):
    """Symbols, or real values, in; parameters of the next ones out."""

    receptive_field = None

    def __init__(self, config: LinearTransformerConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        width, head_width = config.width, config.width // config.heads
        self.embedding = EventEmbedding(spec, width)
        self.static = StaticEmbedding(spec, width)
        self.positions = None
        if config.positions == "learned":
            self.positions = LearnedPositions(config.learned_positions, width)
        elif config.positions == "sinusoidal":
            self.positions = Sinusoids(width)
        self.angles = Angles(head_width // 2) if config.positions == "rotary" else None
        self.features = feature_map(config.feature_map, head_width, config.fourier_features)
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
        h, _ = self._many(x, self.init_state(x.shape[0], static), cond)
        return self.output(self.last_norm(h[:, -keep:]))

    def init_state(self, batch: int, static: Tensor | None = None) -> LinearTransformerState:
        """Empty sums, and what the static condition adds to the embedding."""
        like, heads = self.output.weight, self.config.heads
        n_features, width = self.features.n_features, self.config.width // heads
        return LinearTransformerState(
            torch.zeros(batch, dtype=torch.int64, device=like.device),
            tuple(empty_memory(batch, heads, n_features, width, like) for _ in self.blocks),
            self.static.bias(batch, static, like),
        )

    def step(
        self, x: Tensor, state: LinearTransformerState, cond: Tensor | None = None
    ) -> tuple[Tensor, LinearTransformerState]:
        """One symbol `(B, *E)` to `(B, P)`; writes into the sums of `state`."""
        h = self.embedding(x, cond) + state.static
        h, layers = self._run(h, state.clock, state.layers, linear_attention_step)
        out = self.output(self.last_norm(h))
        return out, state._replace(clock=state.clock + 1, layers=layers)

    def prefill(
        self, x: Tensor, state: LinearTransformerState, cond: Tensor | None = None
    ) -> tuple[Tensor, LinearTransformerState]:
        """One parallel pass over `(B, T, *E)` that goes on from `state`."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        h, state = self._many(x, state, cond)
        return self.output(self.last_norm(h[:, -1])), state

    def hidden_weights(self) -> list[nn.Parameter]:
        """The matrices of all layers."""
        return [weight for block in self._blocks() for weight in block.hidden_weights()]

    def _many(
        self, x: Tensor, state: LinearTransformerState, cond: Tensor | None
    ) -> tuple[Tensor, LinearTransformerState]:
        """Many steps `(B, T, *E)` to the stream `(B, T, W)` and the state after them."""
        n_steps = x.shape[1]
        h = self.embedding(x, cond) + state.static[:, None]
        position = state.clock[:, None] + torch.arange(n_steps, device=x.device)
        h, layers = self._run(h, position, state.layers, _attend_many)
        return h, state._replace(clock=state.clock + n_steps, layers=layers)

    def _run(
        self, h: Tensor, position: Tensor, memories: tuple[LinearMemory, ...], attend: Attend
    ) -> tuple[Tensor, tuple[LinearMemory, ...]]:
        """All layers, for one step `(B, W)` or many `(B, T, W)`."""
        if self.positions is not None:
            h = h + self.positions(position).to(h.dtype)
        h = F.dropout(h, self.config.dropout, self.training)
        angles = None if self.angles is None else self.angles(position)
        after: list[LinearMemory] = []
        for block, memory in zip(self._blocks(), memories, strict=True):

            def mix(q: Tensor, k: Tensor, v: Tensor, memory: LinearMemory = memory) -> Tensor:
                if angles is not None:
                    q, k = rotated(q, angles), rotated(k, angles)
                q, k = self.features(q), self.features(k)
                out, memory = attend(q, k, v, memory, self.features.least_share)
                after.append(memory)
                return out

            h = block(h, mix)
        return h, tuple(after)

    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]


def _attend_many(
    q: Tensor, k: Tensor, v: Tensor, memory: LinearMemory, least_share: float
) -> tuple[Tensor, LinearMemory]:
    """Many steps of all heads, `(B, T, H, ...)`."""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    out, memory = linear_attention(q, k, v, memory, least_share)
    return out.transpose(1, 2), memory

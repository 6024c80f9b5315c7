"""A strided convolution with a GRU behind it (Geron 2019, chapter 15), one symbol at a time.

Every `stride` steps a frame of the last `kernel` symbols enters the GRU, so training takes as many
times fewer of its steps. Between frames the GRU's output stays, and the newest symbols are read by
a second convolution without stride (as in the tiers of SampleRNN, Mehri et al. 2017): so each
target is predicted from all symbols before it. Frames end at steps 0, stride, 2 stride, ...; what
the GRU says there serves the targets 1 to `stride` steps on. The step itself computes the GRU
every time, and keeps the old values between frames.

Dimensions: B batch, T time, E event shape, P head parameters, K kernel, I width of the embedding,
F channels of a frame, H width of the GRU, O output channels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.embedding import EventEmbedding, StaticEmbedding
from ..layers.product import product
from ..layers.recurrent_cells import GRU
from ..layers.recurrent_stack import RecurrentStack, States
from ..layers.slow_clock import first_turn, held, prefill_by_clock
from ..model import SequenceModel, SequenceSpec
from .conv_gru_config import ConvGRUConfig


class ConvGRUState(NamedTuple):
    """The memory of B voices."""

    clock: Tensor
    """`(B,)` symbols seen."""
    window: Tensor
    """`(B, K - 1, I)` embeddings of the newest symbols, oldest first."""
    layers: States
    """`(B, H)` for each layer of the GRU."""
    static: Tensor
    """`(B, I)` what the static condition adds to the embedding."""


class ConvGRU(SequenceModel[ConvGRUState]):
    """Frames, GRU, and a small net for every symbol."""

    receptive_field = None

    def __init__(self, config: ConvGRUConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        taps = config.kernel * config.embedding
        self.embedding = EventEmbedding(spec, config.embedding)
        self.static_embedding = StaticEmbedding(spec, config.embedding)
        self.frame_weight = _weight(taps, config.channels)
        self.frame_bias = nn.Parameter(torch.zeros(config.channels))
        inputs = [config.channels, *[config.width] * (config.layers - 1)]
        self.gru = RecurrentStack(
            [GRU(n, config.width, layer_norm=config.layer_norm) for n in inputs], config.dropout
        )
        self.local_weight = _weight(taps, config.output_channels)
        self.up_weight = _weight(config.width, config.output_channels)
        # How far on from the frame a step is.
        self.phase_bias = nn.Parameter(torch.zeros(config.stride, config.output_channels))
        self.output = nn.Linear(config.output_channels, spec.n_params)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """`(B, T, *E)` to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`."""
        out, _ = self._run(0, x, self.init_state(x.shape[0], static), cond, keep)
        return out.transpose(0, 1)

    def init_state(self, batch: int, static: Tensor | None = None) -> ConvGRUState:
        """Zeros, and what the static condition adds."""
        like = self.up_weight
        return ConvGRUState(
            torch.zeros(batch, dtype=torch.int64, device=like.device),
            like.new_zeros(batch, self.config.kernel - 1, self.config.embedding),
            self.gru.init_state(batch),
            self.static_embedding.bias(batch, static, like),
        )

    def step(
        self, x: Tensor, state: ConvGRUState, cond: Tensor | None = None
    ) -> tuple[Tensor, ConvGRUState]:
        """`(B, *E)` to `(B, P)`."""
        e = self.embedding(x, cond) + state.static
        seen = torch.cat([state.window, e[:, None]], 1)
        taps = seen.flatten(1)
        _, made = self.gru.step(self._frame(taps), state.layers)
        phase = state.clock % self.config.stride
        is_frame = (phase == 0)[:, None]
        layers = tuple(
            tuple(torch.where(is_frame, new, old) for new, old in zip(after, before, strict=True))
            for after, before in zip(made, state.layers, strict=True)
        )
        out = self._readout(taps, layers[-1][0], F.embedding(phase, self.phase_bias))
        after = ConvGRUState(state.clock + 1, seen[:, 1:], layers, state.static)
        return out, after

    def prefill(
        self, x: Tensor, state: ConvGRUState, cond: Tensor | None = None
    ) -> tuple[Tensor, ConvGRUState]:
        """All frames at once but for the GRU itself, for voices of one age at a time."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")

        def run(
            clock: int, x: Tensor, state: ConvGRUState, cond: Tensor | None
        ) -> tuple[Tensor, ConvGRUState]:
            out, after = self._run(clock, x, state, cond, keep=1)
            return out[-1], after

        return prefill_by_clock(run, state.clock, x, state, cond)

    def hidden_weights(self) -> list[nn.Parameter]:
        """Convolutions, GRU, and the way up to every symbol."""
        return [
            self.frame_weight,
            self.local_weight,
            self.up_weight,
            *self.gru.hidden_weights(),
        ]

    def _run(
        self, clock: int, x: Tensor, state: ConvGRUState, cond: Tensor | None, keep: int
    ) -> tuple[Tensor, ConvGRUState]:
        """The last `keep` outputs `(T, B, P)`, and the state after all."""
        stride, kernel = self.config.stride, self.config.kernel
        e = self.embedding(x, cond).transpose(0, 1) + state.static
        n_steps = len(e)
        seen = torch.cat([state.window.transpose(0, 1), e])
        first = first_turn(clock, stride)
        layers, last = state.layers, state.layers[-1][0]
        turns = last.new_empty(0, *last.shape)
        if first < n_steps:
            frames = [seen[lag : lag + n_steps][first::stride] for lag in range(kernel)]
            turns, layers = self.gru(self._frame(torch.cat(frames, -1)), layers)
        start = n_steps - min(keep, n_steps)
        h = held(last, turns, first, stride, n_steps)[start:]
        taps = torch.cat([seen[lag + start : lag + n_steps] for lag in range(kernel)], -1)
        phase = (clock + torch.arange(start, n_steps, device=x.device)) % stride
        out = self._readout(taps, h, F.embedding(phase, self.phase_bias)[:, None])
        window = seen[n_steps:].transpose(0, 1).clone()
        return out, ConvGRUState(state.clock + n_steps, window, layers, state.static)

    def _frame(self, taps: Tensor) -> Tensor:
        """`(..., K * I)` to `(..., F)`."""
        rows = product(taps.flatten(0, -2), self.frame_weight, self.frame_bias)
        return rows.relu().unflatten(0, taps.shape[:-1])

    def _readout(self, taps: Tensor, h: Tensor, phase: Tensor) -> Tensor:
        """What the newest symbols and the GRU say together: `(..., P)`."""
        local = product(taps.flatten(0, -2), self.local_weight).unflatten(0, taps.shape[:-1])
        up = product(h.flatten(0, -2), self.up_weight).unflatten(0, h.shape[:-1])
        return self.output((local + up + phase).relu())


def _weight(inputs: int, outputs: int) -> nn.Parameter:
    """Normal with variance 1 / inputs."""
    return nn.Parameter(torch.randn(inputs, outputs) / math.sqrt(inputs))

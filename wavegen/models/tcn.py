"""Temporal convolutional network (Bai, Kolter and Koltun 2018).

Residual blocks of two dilated causal convolutions with ReLU, dropout and, if asked for, the paper's
weight normalisation. One block reaches 2 (K - 1) d steps back, so the receptive field is
1 + 2 (K - 1) sum of d. A step keeps the inputs of every convolution in delay lines.

Dimensions: B batch, T time, E event shape, P head parameters, K taps, I input and C output channels
of a block, W embedding width.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.causal_conv import CausalConv
from ..layers.delay_widths import DelaysOfWidths, Rings
from ..layers.embedding import EventEmbedding, StaticEmbedding
from ..layers.weight_norm import trained_matrix
from ..model import SequenceModel, SequenceSpec
from .tcn_config import TCNConfig


class TCNState(NamedTuple):
    """The memory of B voices."""

    clock: Tensor
    """`(B,)` symbols seen."""
    rings: Rings
    """Delay lines of both convolutions of every block, `(B, R, C)` for each width."""
    static: Tensor
    """`(B, W)` what the static condition adds to the embedding."""


class TCN(SequenceModel[TCNState]):
    """Symbols, or real values, in; parameters of the next ones out."""

    def __init__(self, config: TCNConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        dilations, widths, kernel = config.all_dilations, config.all_widths, config.kernel
        embedded = config.embedding_channels or widths[0]
        inputs = (embedded, *widths[:-1])
        self.receptive_field = 1 + 2 * (kernel - 1) * sum(dilations)
        self.embedding = EventEmbedding(spec, embedded)
        self.static = StaticEmbedding(spec, embedded)
        self.blocks = nn.ModuleList(
            _Block(width_in, width, dilation, config)
            for width_in, width, dilation in zip(inputs, widths, dilations, strict=True)
        )
        self.output = nn.Linear(widths[-1], spec.n_params)
        self.delay = DelaysOfWidths(
            [d for dilation in dilations for d in (dilation, dilation)],
            kernel,
            [w for pair in zip(inputs, widths, strict=True) for w in pair],
        )

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """All steps at once: `(B, T, *E)` to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`; each block computes what these still depend on."""
        n_steps = x.shape[1]
        bias = self.static.bias(len(x), static, self.output.weight)
        h = (self.embedding(x, cond) + bias[:, None]).transpose(1, 2)
        later = sum(block.reach for block in self._blocks())
        for block in self._blocks():
            later -= block.reach
            h = block(h, min(n_steps, keep + later))
        return self.output(h.transpose(1, 2))

    def init_state(self, batch: int, static: Tensor | None = None) -> TCNState:
        """Silent delay lines, and what the static condition says."""
        weight = self.output.weight
        return TCNState(
            torch.zeros(batch, dtype=torch.int64, device=weight.device),
            self.delay.empty(batch, weight),
            self.static.bias(batch, static, weight),
        )

    def step(
        self, x: Tensor, state: TCNState, cond: Tensor | None = None
    ) -> tuple[Tensor, TCNState]:
        """One symbol `(B, *E)` to `(B, P)`; writes into the delay lines of `state`."""
        past = self.delay.read(state.rings, state.clock)
        h = self.embedding(x, cond) + state.static
        inputs = list[Tensor]()
        for i, block in enumerate(self._blocks()):
            inner, out = block.step(h, past[2 * i], past[2 * i + 1])
            inputs += [h, inner]
            h = out
        rings = self.delay.write(state.rings, state.clock, inputs)
        return self.output(h), state._replace(clock=state.clock + 1, rings=rings)

    def prefill(
        self, x: Tensor, state: TCNState, cond: Tensor | None = None
    ) -> tuple[Tensor, TCNState]:
        """One parallel pass over `(B, T, *E)` that goes on from `state` and fills its rings."""
        n_steps = x.shape[1]
        if n_steps == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        h = (self.embedding(x, cond) + state.static[:, None]).transpose(1, 2)
        for i, block in enumerate(self._blocks()):
            past = [
                self.delay.history(state.rings, state.clock, lane).transpose(1, 2)
                for lane in (2 * i, 2 * i + 1)
            ]
            inner = block.inner(h, n_steps, past[0])
            for lane, values in ((2 * i, h), (2 * i + 1, inner)):
                self.delay.fill(state.rings, state.clock, lane, values.transpose(1, 2))
            h = block.outer(h, inner, n_steps, past[1])
        return self.output(h[..., -1]), state._replace(clock=state.clock + n_steps)

    def hidden_weights(self) -> list[nn.Parameter]:
        """All convolutions; under weight norm, their directions."""
        convs = [conv for block in self._blocks() for conv in (block.first, block.second)]
        return [trained_matrix(conv, "weight") for conv in convs]

    def _blocks(self) -> list[_Block]:
        return cast("list[_Block]", list(self.blocks))


class _Block(nn.Module):
    """Two convolutions beside a shortcut (figure 1b), `(B, I, T)` to `(B, C, T)`."""

    def __init__(self, inputs: int, width: int, dilation: int, config: TCNConfig) -> None:
        super().__init__()
        kernel, weight_norm = config.kernel, config.weight_norm
        self.first = CausalConv(inputs, width, kernel, dilation, weight_norm)
        self.second = CausalConv(width, width, kernel, dilation, weight_norm)
        self.shortcut = None if inputs == width else nn.Linear(inputs, width)
        """The 1x1 convolution where the widths differ."""
        self.dropout = config.dropout
        self.reach = self.first.reach + self.second.reach
        """Steps back to the oldest input of an output."""

    def forward(self, h: Tensor, keep: int) -> Tensor:
        """The last `keep` steps, with silence before the first of `h`."""
        inner = self.inner(h, min(h.shape[2], keep + self.second.reach))
        return self.outer(h, inner, keep)

    def inner(self, h: Tensor, keep: int, past: Tensor | None = None) -> Tensor:
        """The first convolution: what enters the second."""
        return self._dropped(self.first(h, keep, past).relu())

    def outer(self, h: Tensor, inner: Tensor, keep: int, past: Tensor | None = None) -> Tensor:
        """The second convolution, and the shortcut."""
        out = self._dropped(self.second(inner, keep, past).relu())
        h = h[..., h.shape[2] - keep :]
        if self.shortcut is not None:
            h = F.conv1d(h, self.shortcut.weight[..., None], self.shortcut.bias)
        return (out + h).relu()

    def step(self, h: Tensor, past: Tensor, inner_past: Tensor) -> tuple[Tensor, Tensor]:
        """`(B, I)` to what enters the second convolution and what leaves the block, `(B, C)`."""
        inner = self.first.step(h, past).relu()
        out = self.second.step(inner, inner_past).relu()
        return inner, (out + (h if self.shortcut is None else self.shortcut(h))).relu()

    def _dropped(self, h: Tensor) -> Tensor:
        """Spatial dropout: a channel is dropped for the whole window (section 3.4)."""
        return F.dropout1d(h, self.dropout, self.training) if self.dropout else h

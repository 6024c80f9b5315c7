"""Recurrent nets: an embedding, stacked cells (Elman, LSTM, GRU or your own), a linear readout.

Dimensions: B batch, T time, E event shape, P head parameters, I width of the embedding, H width.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from ..layers.embedding import StaticEmbedding, event_embedding
from ..layers.recurrent_cells import GRU, LSTM, Cell, Elman
from ..layers.recurrent_stack import RecurrentStack, States
from ..model import SequenceModel, SequenceSpec
from .recurrent_config import RecurrentConfig

CellOf = Callable[[int, int], Cell]
"""Makes a cell of so many inputs and units."""


class RecurrentState(NamedTuple):
    """The memory of B voices."""

    layers: States
    """`(B, H)` one tensor or more for each layer."""
    static: Tensor
    """`(B, I)` what the static condition adds to the embedding."""


class Recurrent(SequenceModel[RecurrentState]):
    """Stacked recurrent layers; `cell` puts one of your own in place of the config's."""

    receptive_field = None

    def __init__(
        self, config: RecurrentConfig, spec: SequenceSpec, cell: CellOf | None = None
    ) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.embedding = event_embedding(spec, config.embedding)
        self.static_embedding = StaticEmbedding(spec, self.embedding.width)
        self.stack = stack_of(config, self.embedding.width, cell)
        self.output = nn.Linear(config.width, spec.n_params)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """`(B, T, *E)` to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`."""
        outs, _ = self._run(x, self.init_state(x.shape[0], static), cond)
        return self.output(outs[-keep:]).transpose(0, 1)

    def init_state(self, batch: int, static: Tensor | None = None) -> RecurrentState:
        """Zeros, and what the static condition adds."""
        like = self.output.weight
        bias = self.static_embedding.bias(batch, static, like)
        return RecurrentState(self.stack.init_state(batch), bias)

    def step(
        self, x: Tensor, state: RecurrentState, cond: Tensor | None = None
    ) -> tuple[Tensor, RecurrentState]:
        """`(B, *E)` to `(B, P)`."""
        h, layers = self.stack.step(self.embedding(x, cond) + state.static, state.layers)
        return self.output(h), state._replace(layers=layers)

    def prefill(
        self, x: Tensor, state: RecurrentState, cond: Tensor | None = None
    ) -> tuple[Tensor, RecurrentState]:
        """Embeddings and input products of all steps at once; only the recurrence goes by steps."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        outs, layers = self._run(x, state, cond)
        return self.output(outs[-1]), state._replace(layers=layers)

    def hidden_weights(self) -> list[nn.Parameter]:
        """Those of the cells."""
        return self.stack.hidden_weights()

    def _run(self, x: Tensor, state: RecurrentState, cond: Tensor | None) -> tuple[Tensor, States]:
        """The outputs of the last layer `(T, B, H)`, and the states after them."""
        return self.stack(self.embedding(x, cond).transpose(0, 1) + state.static, state.layers)


def stack_of(config: RecurrentConfig, width: int, cell: CellOf | None = None) -> RecurrentStack:
    """The layers that a config asks for, over embeddings of this width."""
    make = cell or _cell(config)
    inputs = [width, *[config.width] * (config.layers - 1)]
    return RecurrentStack([make(n, config.width) for n in inputs], config.dropout, config.zoneout)


def _cell(config: RecurrentConfig) -> CellOf:
    norm, drop = config.layer_norm, config.recurrent_dropout
    if config.cell == "rnn":
        act = config.activation
        return partial(Elman, activation=act, layer_norm=norm, recurrent_dropout=drop)
    if config.cell == "lstm":
        holes = config.peepholes
        return partial(LSTM, peepholes=holes, layer_norm=norm, recurrent_dropout=drop)
    return partial(GRU, layer_norm=norm, recurrent_dropout=drop)

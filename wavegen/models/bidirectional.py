"""A bidirectional recurrent net (Schuster and Paliwal 1997): fills in, cannot generate.

`params[:, t]` describes `x[:, t + 1]` as everywhere, given all symbols before it and all after it,
but not the symbol itself. Training, scoring and windows are those of every model.

Dimensions: B batch, T time, E event shape, P head parameters, H width.
"""

from __future__ import annotations

from typing import NoReturn

import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..layers.embedding import StaticEmbedding, event_embedding
from ..model import SequenceModel, SequenceSpec
from .recurrent import stack_of
from .recurrent_config import RecurrentConfig


class Bidirectional(SequenceModel[Tensor]):
    """One stack reads from the left and one from the right.

    They meet at the readout alone: if a layer read both directions of the one below, a symbol
    would be among the reasons for its own prediction.
    """

    receptive_field = None

    def __init__(self, config: RecurrentConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.embedding = event_embedding(spec, config.embedding)
        width = self.embedding.width
        self.static_embedding = StaticEmbedding(spec, width)
        self.from_left, self.from_right = stack_of(config, width), stack_of(config, width)
        self.output = nn.Linear(2 * config.width, spec.n_params)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """`(B, T, *E)` to `(B, T, P)`: symbol t + 1 given symbols ..., t and t + 2, ..."""
        batch, n_steps = x.shape[:2]
        bias = self.static_embedding.bias(batch, static, self.output.weight)
        e = self.embedding(x, cond).transpose(0, 1) + bias
        before, _ = self.from_left(e, self.from_left.init_state(batch))
        turned, _ = self.from_right(e.flip(0), self.from_right.init_state(batch))
        nothing = turned.new_zeros(min(2, n_steps), *turned.shape[1:])
        after = torch.cat([turned.flip(0)[2:], nothing])
        return self.output(torch.cat([before, after], -1)).transpose(0, 1)

    def init_state(self, batch: int, static: Tensor | None = None) -> NoReturn:
        """Refused."""
        raise ConfigError(
            "a bidirectional model needs the symbols after the one it predicts, so it can only "
            "fill in (forward); to generate, train one with --model.bidirectional false"
        )

    def step(self, x: Tensor, state: Tensor, cond: Tensor | None = None) -> NoReturn:
        """Refused."""
        self.init_state(x.shape[0])

    def hidden_weights(self) -> list[nn.Parameter]:
        """Those of both directions."""
        return [*self.from_left.hidden_weights(), *self.from_right.hidden_weights()]

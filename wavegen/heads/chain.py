"""Several values in one event, drawn in turn: each sees those already drawn.

Dimensions: B batch, P head parameters, N values of an event, C context, p parameters of one value,
U uniforms of one value.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..controls import Controls
from ..sampling import ControlBatch
from .head import Change, Head
from .missing import filled


class Chain(Head):
    """p(event) = product over k of p(x[k] | x[0..k-1]), each by `part`; P = C + N p.

    The first C parameters are a context, the others are votes: the model's own parameters for each
    value, one value after the other. A small net of each value adds to its votes what follows from
    the context and the values before it (Larochelle 2011, NADE):

        params[k] = votes[k] + net[k](context + sum over j < k of embedding[j](x[j]))

    Events are stored in the order in which they are drawn. Every control applies to each value.
    """

    def __init__(self, part: Head, n_values: int, context: int, hidden: int) -> None:
        """`part` has an event of one value; the nets have `hidden` units."""
        super().__init__()
        if part.event_shape or n_values < 1:
            raise ValueError(
                f"a chain is 1 or more parts of one value each, got {n_values} of {part!r}"
            )
        self.part, self.n_values, self.context = part, n_values, context
        self.n_params = context + n_values * part.n_params
        self.event_shape = (n_values,)
        self.n_classes = part.n_classes
        self.n_uniforms = n_values * part.n_uniforms
        self.nets = nn.ModuleList(_net(context, hidden, part.n_params) for _ in range(n_values))
        self.embeddings = nn.ModuleList(
            nn.Linear(1, context)
            if part.n_classes is None
            else nn.Embedding(part.n_classes, context)
            for _ in range(n_values - 1)
        )

    @property
    def draws_classes(self) -> bool:
        """As `part` does."""
        return self.part.draws_classes

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """The sum over the values, in nats. A missing one tells those after it what 0 does."""
        seen, votes = self._split(params)
        told, _ = filled(x)
        nats = torch.zeros((), device=x.device)
        for k in range(self.n_values):
            nats = nats + self.part.nll(votes[..., k, :] + self.nets[k](seen), x[..., k])
            seen = self._after(k, seen, told[..., k])
        return nats

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """Value after value, each from uniforms of its own."""
        return self.draw_filtered(params, noise, controls, _unchanged)

    def draw_filtered(
        self, params: Tensor, noise: Tensor, controls: ControlBatch, change: Change
    ) -> Tensor:
        """The same, with `change` applied to the parameters of each value."""
        seen, votes = self._split(params)
        drawn = self.none_drawn(len(params), params.device)
        for k, uniforms in enumerate(noise.split(self.part.n_uniforms, dim=1)):
            own = change(votes[:, k] + self.nets[k](seen), drawn)
            value = self.part.draw(own, uniforms, controls)
            drawn = torch.cat([drawn, value[:, None]], dim=1)
            seen = self._after(k, seen, value)
        return drawn

    def admit(self, controls: Controls) -> None:
        """As `part` does."""
        self.part.admit(controls)

    def extra_repr(self) -> str:
        """Shown by `print(model)`."""
        return f"n_values={self.n_values}, context={self.context}"

    def _split(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """Context `(..., C)` and votes `(..., N, p)`, in float32."""
        params = params.float()
        votes = params[..., self.context :].unflatten(-1, (self.n_values, self.part.n_params))
        # A matrix library may add up the rows of a slice in another order, each in its own.
        return params[..., : self.context].contiguous(), votes

    def _after(self, k: int, seen: Tensor, value: Tensor) -> Tensor:
        """What the nets see `(..., C)` once value k `(...)` is known; the last one is not seen."""
        if k == self.n_values - 1:
            return seen
        return seen + self.embeddings[k](value if self.n_classes else value[..., None])


def _net(context: int, hidden: int, n_params: int) -> nn.Sequential:
    """It says nothing at first, as if the values were independent."""
    output = nn.Linear(hidden, n_params)
    nn.init.zeros_(output.weight)
    nn.init.zeros_(output.bias)
    return nn.Sequential(nn.Linear(context, hidden), nn.ReLU(), output)


def _unchanged(params: Tensor, drawn: Tensor) -> Tensor:
    return params

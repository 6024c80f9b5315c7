"""The model `chorale`: what chorales have in common, around any model that reads frames.

    conditions that are known ahead -> a GRU from the end to the beginning  \\
    ages of the notes, where the beat falls                                 -> backbone -> params
    the last M frames -> matches -> votes for what followed them  ------------------------> +
    cells of the next frame that are given -----------------------> the votes for all else: none

The backbone gets what was computed from the past as conditions, so it is any model as it is. The
votes are added to those in the parameters of `Chain`, and tell its nets, by the context, what is
about to be copied. Where there are as many conditions as votes or more, the last of them are cells
that are given for the next frame, one-hot, and a row of zeros for a cell that is not.

Dimensions: B batch, T time, N values of an event, K classes, P head parameters, C channels of the
conditions, C' those of a step, with what is ahead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from wavegen import backbone
from wavegen.errors import ConfigError
from wavegen.layers.recurrent_cells import GRU
from wavegen.layers.recurrent_stack import RecurrentStack
from wavegen.model import SequenceModel, SequenceSpec

from .match_memory import MatchMemory, MatchState
from .model_config import ChoraleConfig
from .model_past import Past, PastState

RULED_OUT = -1e30
"""Logit of a class that is not the given one: beyond any temperature, and still a number."""


class ChoraleState(NamedTuple):
    """The memory of B voices; what is not used has no leaves."""

    past: PastState | tuple[()]
    match: MatchState | tuple[()]
    backbone: Any


class Chorale(SequenceModel[ChoraleState]):
    """Features of the past, a backbone, a memory to copy from, and a look at what is ahead."""

    receptive_field = None

    def __init__(self, config: ChoraleConfig, spec: SequenceSpec) -> None:
        super().__init__()
        if spec.n_classes is None or len(spec.event_shape) != 1:
            raise ConfigError(
                "the model chorale needs events of several classes, such as the domain chorales "
                f"has; this one has the shape {spec.event_shape} and {spec.n_classes} classes"
            )
        self.config, self.spec = config, spec
        (n_values,), n_classes = spec.event_shape, spec.n_classes
        self._votes = n_values, n_classes
        n_votes = n_values * n_classes
        if spec.n_params < n_votes:
            raise ConfigError(
                f"the model chorale votes for {n_votes} classes, but the head takes "
                f"{spec.n_params} parameters; it needs a Chain of Categorical heads"
            )
        self.past = Past(n_values, n_classes) if config.past else None
        self.match = MatchMemory(n_values, n_classes, config.memory) if config.memory else None
        first = spec.cond_channels - n_votes
        self._given = slice(first, spec.cond_channels) if first >= 0 else None
        # It starts at zero, as if there were no memory.
        self.told = nn.Parameter(torch.zeros(n_votes, spec.n_params - n_votes))
        width = config.ahead if spec.cond_channels else 0
        self.from_end = RecurrentStack([GRU(spec.cond_channels, width)]) if width else None
        self.step_cond_channels = spec.cond_channels + width
        told = self.step_cond_channels + (self.past.n_features if self.past else 0)
        # A backbone may read conditions in every layer: few channels of them keep it fast.
        self.gather = nn.Linear(told, config.gather) if told else None
        inner = replace(spec, cond_channels=config.gather if told else 0)
        self.backbone = backbone.build(config.backbone, config.backbone_values(), inner)

    @property
    def looks_ahead(self) -> bool:
        """Not where there are no conditions, or where it was built to take them as they come."""
        return self.from_end is not None

    @property
    def keeps_given(self) -> bool:
        """Whether cells can be given, which are then drawn as they are whatever the controls."""
        return self._given is not None

    def look_ahead(self, cond: Tensor) -> Tensor:
        """Conditions `(B, T, C)` to `(B, T, C')`: each step's own, and what is to come."""
        if self.from_end is None:
            return cond
        turned = cond.transpose(0, 1).flip(0).to(self.told.dtype)
        outs, _ = self.from_end(turned, self.from_end.init_state(len(cond)))
        return torch.cat([cond, outs.flip(0).transpose(0, 1)], -1)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """`(B, T, N)`, cond `(B, T, C')`, to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`."""
        state = self.init_state(x.shape[0], static)
        features, votes, _ = self._read(x, state)
        heard = x
        if self.training and self.config.forget:
            # A net that has all notes learns the pieces by heart within minutes.
            heard = x.masked_fill(torch.rand(x.shape, device=x.device) < self.config.forget, 0)
        params = self.backbone.tail(heard, keep, self._gathered(cond, features), static)
        votes = None if votes is None else votes[:, -keep:]
        return self._voted(params, votes, None if cond is None else cond[:, -keep:])

    def init_state(self, batch: int, static: Tensor | None = None) -> ChoraleState:
        """Silence."""
        device = self.told.device
        return ChoraleState(
            self.past.init_state(batch, device) if self.past else (),
            self.match.init_state(batch) if self.match else (),
            self.backbone.init_state(batch, static),
        )

    def step(
        self, x: Tensor, state: ChoraleState, cond: Tensor | None = None
    ) -> tuple[Tensor, ChoraleState]:
        """`(B, N)`, cond `(B, C')`, to `(B, P)`."""
        past, match, features, votes = state.past, state.match, None, None
        if self.past and past:
            features, past = self.past.step(x, past)
        if self.match and match:
            votes, match = self.match.step(x, match)
        params, after = self.backbone.step(x, state.backbone, self._gathered(cond, features))
        return self._voted(params, votes, cond), ChoraleState(past, match, after)

    def prefill(
        self, x: Tensor, state: ChoraleState, cond: Tensor | None = None
    ) -> tuple[Tensor, ChoraleState]:
        """Everything parallel over time, as far as the backbone is."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        features, votes, read = self._read(x, state)
        params, after = self.backbone.prefill(x, state.backbone, self._gathered(cond, features))
        votes = None if votes is None else votes[:, -1]
        voted = self._voted(params, votes, None if cond is None else cond[:, -1])
        return voted, read._replace(backbone=after)

    def hidden_weights(self) -> list[nn.Parameter]:
        """Those of the backbone, and of what reads from the end."""
        ahead = self.from_end.hidden_weights() if self.from_end else []
        return [*self.backbone.hidden_weights(), *ahead]

    def _read(
        self, x: Tensor, state: ChoraleState
    ) -> tuple[Tensor | None, Tensor | None, ChoraleState]:
        """Features of the past and votes of all steps, and the state but for the backbone's."""
        past, match, features, votes = state.past, state.match, None, None
        if self.past and past:
            features, past = self.past(x, past)
        if self.match and match:
            votes, match = self.match(x, match)
        return features, votes, ChoraleState(past, match, state.backbone)

    def _gathered(self, cond: Tensor | None, features: Tensor | None) -> Tensor | None:
        """Conditions and features in few channels, as far as there are any."""
        found = [known.to(self.told.dtype) for known in (cond, features) if known is not None]
        return self.gather(torch.cat(found, -1)) if self.gather else None

    def _voted(self, params: Tensor, votes: Tensor | None, cond: Tensor | None) -> Tensor:
        """Parameters with the votes `(..., N, K)` added, and the context told of them.

        Of a cell that is given all other classes are out.
        """
        if votes is not None:
            flat = votes.flatten(-2)
            params = params + torch.cat([flat @ self.told, flat], -1).to(params.dtype)
        if self._given is None or cond is None:
            return params
        cells = cond[..., self._given].unflatten(-1, self._votes) > 0.5
        is_out = (cells.sum(-1, keepdim=True) > 0) & ~cells
        context, own = params.split([self.told.shape[1], self.told.shape[0]], -1)
        return torch.cat([context, own.masked_fill(is_out.flatten(-2), RULED_OUT)], -1)

"""What a model sees of one step, as a vector: its event, its conditions, the sequence's own.

Dimensions: B batch, E event shape, N values of an event, C condition channels, W width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..model import SequenceSpec


class EventEmbedding(nn.Module):
    """Symbols by a table, real values by a linear map, and a linear map of the conditions."""

    def __init__(self, spec: SequenceSpec, width: int) -> None:
        super().__init__()
        self.spec, self.width = spec, width
        n_rows = spec.n_events * (spec.n_classes or 1)
        self.weight = nn.Parameter(torch.randn(n_rows, width) / math.sqrt(spec.n_events))
        # Random, for a norm of x w + 0 would tell no more than the sign of x.
        self.bias = nn.Parameter(torch.randn(width)) if spec.n_classes is None else None
        # It starts at zero, as if there were no conditions.
        shape = (spec.cond_channels, width)
        self.cond_weight = nn.Parameter(torch.zeros(shape)) if spec.cond_channels else None

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """`(..., *E)`, cond `(..., C)`, to `(..., W)`; each value of an event has its own rows."""
        spec = self.spec
        lead = x.shape[: x.dim() - len(spec.event_shape)]
        values = x.reshape(*lead, spec.n_events)
        if self.bias is not None:
            out = values.to(self.weight.dtype) @ self.weight + self.bias
        elif spec.n_events == 1:
            out = F.embedding(values.squeeze(-1), self.weight)
        else:
            first = torch.arange(spec.n_events, device=x.device) * (spec.n_classes or 1)
            out = F.embedding(values + first, self.weight).sum(-2)
        if self.cond_weight is None:
            return out
        if cond is None:
            raise conditions_missing(len(self.cond_weight))
        return out + cond.to(self.weight.dtype) @ self.cond_weight


class PlainValues(nn.Module):
    """Real values and conditions side by side, as they are: what has no parameters."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__()
        if spec.n_classes is not None:
            raise ConfigError(
                f"model.embedding is 0, but symbols are {spec.n_classes} classes; only real values "
                "can be read as they are, so make it 1 or more"
            )
        self.n_events, self.cond_channels = spec.n_events, spec.cond_channels
        self.event_dims = len(spec.event_shape)
        self.width = spec.n_events + spec.cond_channels

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """`(..., *E)`, cond `(..., C)`, to `(..., N + C)`."""
        values = x.reshape(*x.shape[: x.dim() - self.event_dims], self.n_events)
        if self.cond_channels == 0:
            return values
        if cond is None:
            raise conditions_missing(self.cond_channels)
        return torch.cat([values, cond.to(values.dtype)], -1)


def event_embedding(spec: SequenceSpec, width: int) -> EventEmbedding | PlainValues:
    """An embedding of that width, or the values themselves where it is 0."""
    return EventEmbedding(spec, width) if width else PlainValues(spec)


class StaticEmbedding(nn.Module):
    """A class or a vector per sequence; its vector is added to the embedding at every step."""

    def __init__(self, spec: SequenceSpec, width: int) -> None:
        super().__init__()
        self.width, self.is_class = width, bool(spec.static_classes)
        n_rows = spec.static_classes or spec.static_channels
        # It starts at zero, as if there were no static condition.
        self.weight = nn.Parameter(torch.zeros(n_rows, width)) if n_rows else None

    def bias(self, batch: int, static: Tensor | None, like: Tensor) -> Tensor:
        """`(B,)` or `(B, D)` to `(B, W)`, a tensor of its own; zeros where the spec has none."""
        if self.weight is None:
            return like.new_zeros(batch, self.width)
        if static is None:
            raise static_missing()
        if self.is_class:
            return F.embedding(static, self.weight)
        return static.to(self.weight.dtype) @ self.weight


def conditions_missing(channels: int) -> ConfigError:
    """What to raise where a model with per-step conditions gets none."""
    return ConfigError(
        f"this model has {channels} condition channels for every step, but no conditions were "
        "given; give `cond`"
    )


def static_missing() -> ConfigError:
    """What to raise where a model with a static condition gets none."""
    return ConfigError(
        "this model has a static condition (a class or a vector per sequence), but none was "
        "given; name one, for example with --speaker"
    )

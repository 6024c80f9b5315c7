"""The model `forecaster`: any model, in units that follow the series.

    values -> scaler -> z, what is missing, how the units moved -> backbone -> params of z
                 \\--> location, log-scale ----------------------------------> in front of them

The units are computed from the past alone and lie in the state, so nothing needs to be fitted to a
series before it is forecast, and nothing of its future can get in. The head is `Scaled`, or
another that begins with location and log-scale of each channel.

Dimensions: B batch, T time, E event shape, N channels, P head parameters, C condition channels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from wavegen import backbone
from wavegen.errors import ConfigError
from wavegen.model import SequenceModel, SequenceSpec

from .model_config import ForecasterConfig
from .scaler import Reading
from .scalers import scaler_of


class ForecasterState(NamedTuple):
    """The memory of B voices."""

    scaler: tuple[Tensor, ...]
    backbone: Any


class ForecasterModel(SequenceModel[ForecasterState]):
    """A scaler around a backbone; missing values are NaN."""

    receptive_field = None

    def __init__(self, config: ForecasterConfig, spec: SequenceSpec) -> None:
        super().__init__()
        n = spec.n_events
        if spec.n_classes is not None or len(spec.event_shape) > 1 or spec.n_params <= 2 * n:
            raise ConfigError(
                "the model forecaster needs real values and a head that begins with location and "
                f"scale, such as the domain series has; this one has {spec.n_classes} classes, "
                f"events of the shape {spec.event_shape} and {spec.n_params} parameters"
            )
        self.config, self.spec, self.n_channels = config, spec, n
        self.scaler = scaler_of(config.scaler, n, config.memory)
        n_cond = spec.cond_channels + n * self.scaler.n_features
        inner = replace(spec, n_params=spec.n_params - 2 * n, cond_channels=n_cond)
        self.backbone = backbone.build(config.backbone, config.backbone_values(), inner)
        if self.backbone.looks_ahead:
            raise ConfigError(
                f"model.backbone {config.backbone} looks ahead at its conditions, some of which "
                "are the past of the series here; name another"
            )
        self.cond_reach = self.backbone.cond_reach
        self.register_buffer("_here", torch.zeros(()), persistent=False)

    _here: Tensor

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """`(B, T, *E)`, cond `(B, T, C)`, to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`."""
        values = x.reshape(*x.shape[:2], self.n_channels).float()
        fresh = self.scaler.init_state(x.shape[0], self._here.device)
        reading, _ = self.scaler.forward(values, fresh)
        z = reading.z.reshape(x.shape)
        own = self.backbone.tail(z, keep, _joined(cond, reading), static)
        return _in_front(own, reading.location[:, -keep:], reading.log_scale[:, -keep:])

    def init_state(self, batch: int, static: Tensor | None = None) -> ForecasterState:
        """Nothing is known of the series."""
        return ForecasterState(
            self.scaler.init_state(batch, self._here.device),
            self.backbone.init_state(batch, static),
        )

    def step(
        self, x: Tensor, state: ForecasterState, cond: Tensor | None = None
    ) -> tuple[Tensor, ForecasterState]:
        """`(B, *E)`, cond `(B, C)`, to `(B, P)`."""
        values = x.reshape(x.shape[0], self.n_channels).float()
        reading, scaled = self.scaler.step(values, state.scaler)
        z = reading.z.reshape(x.shape)
        own, after = self.backbone.step(z, state.backbone, _joined(cond, reading))
        return _in_front(own, reading.location, reading.log_scale), ForecasterState(scaled, after)

    def prefill(
        self, x: Tensor, state: ForecasterState, cond: Tensor | None = None
    ) -> tuple[Tensor, ForecasterState]:
        """Everything parallel over time, as far as the backbone is."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        values = x.reshape(*x.shape[:2], self.n_channels).float()
        reading, scaled = self.scaler.forward(values, state.scaler)
        z = reading.z.reshape(x.shape)
        own, after = self.backbone.prefill(z, state.backbone, _joined(cond, reading))
        out = _in_front(own, reading.location[:, -1], reading.log_scale[:, -1])
        return out, ForecasterState(scaled, after)

    def hidden_weights(self) -> list[nn.Parameter]:
        """Those of the backbone."""
        return self.backbone.hidden_weights()


def _joined(cond: Tensor | None, reading: Reading) -> Tensor:
    """Conditions, and what the scaler tells."""
    return reading.features if cond is None else torch.cat([cond.float(), reading.features], -1)


def _in_front(own: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    """Location, log-scale and the backbone's parameters, `(..., P)` in float32."""
    return torch.cat([location, log_scale, own.float()], -1)

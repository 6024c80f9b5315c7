"""The head that a config asks for.

Dimensions: B batch, P head parameters, H horizon, N channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wavegen.controls import Controls
from wavegen.errors import ConfigError
from wavegen.heads import (
    Binned,
    Chain,
    Gaussian,
    Head,
    MixtureOfLogistics,
    Point,
    Scaled,
    StudentT,
    mu_law_edges,
    uniform_edges,
)
from wavegen.sampling import ControlBatch

from .config import SeriesConfig

_CONTEXT, _HIDDEN = 32, 32
_LOGISTICS = 5


class Direct(Head):
    """The next H values of one channel as numbers, in units of the series at the present.

    P = 2 + H: location, log-scale, and what `Point` takes. Its loss is in units of the symbols.
    """

    def __init__(self, point: Point) -> None:
        super().__init__()
        self.point = point
        self.n_params = 2 + point.n_params
        self.event_shape = point.event_shape

    def values(self, params: Tensor) -> Tensor:
        """`(..., P)` to the forecast `(..., H)`."""
        params = params.float()
        return params[..., :1] + params[..., 1:2].exp() * params[..., 2:]

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """The loss of forecasts of x `(..., H)`; what is missing costs nothing."""
        return self.point.nll(self.values(params), x)

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """The forecast, whatever the noise."""
        return self.values(params)

    def admit(self, controls: Controls) -> None:
        """Nothing can be drawn step by step."""
        raise ConfigError(
            f"this model forecasts {self.point.n_params} steps at once and draws no paths; "
            "use wavegen forecast"
        )


def head_of(config: SeriesConfig) -> Head:
    """A fresh head, with location and log-scale of each channel in front."""
    if config.head == "point":
        return Direct(Point(config.horizon, config.loss))
    part = _part(config)
    n = config.n_channels
    return Scaled(Chain(part, n, context=_CONTEXT, hidden=_HIDDEN) if n > 1 else part)


def _part(config: SeriesConfig) -> Head:
    match config.head:
        case "auto" | "mu-law" | "uniform" | "quantile" | "point":
            # A model may be planned without memory, but a head looks at its edges.
            with torch.device("cpu"):
                return Binned(_edges(config))
        case "student-t":
            return StudentT()
        case "logistics":
            return MixtureOfLogistics(_LOGISTICS)
        case "gaussian":
            return Gaussian()


def _edges(config: SeriesConfig) -> Tensor:
    if config.head == "quantile" and config.edges:
        return torch.tensor(config.edges, dtype=torch.float32)
    if config.head in ("uniform", "quantile"):
        return uniform_edges(config.bins, config.limit)
    return mu_law_edges(config.bins, config.limit)

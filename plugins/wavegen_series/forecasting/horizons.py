"""What a model draws for a horizon: by paths, by thinned networks, or all steps at once.

Dimensions: S paths, H steps of the horizon, E event shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from wavegen.controls import Controls
from wavegen.playing import TrainedModel

from ..heads import Direct
from .dropout import thinned_parameters, thinned_paths
from .one_pass import parameters
from .paths import Told, sample_paths

Uncertainty = Literal["paths", "dropout"]
UNCERTAINTIES: tuple[Uncertainty, ...] = get_args(Uncertainty)


def draw(
    model: TrainedModel,
    series: Sequence[Told],
    horizon: int,
    n_samples: int,
    seed: int,
    controls: Controls,
    uncertainty: Uncertainty,
) -> list[Tensor]:
    """`(S, H, *E)` symbols after each series; a model that forecasts directly gives one path."""
    if isinstance(model.head, Direct):
        return [
            _at_once(model, model.head, told, n_samples, seed, uncertainty)[:, :horizon]
            for told in series
        ]
    if uncertainty == "dropout":
        return [thinned_paths(model, told, horizon, n_samples, seed, controls) for told in series]
    return sample_paths(model, series, horizon, n_samples, seed, controls)


def _at_once(
    model: TrainedModel,
    head: Direct,
    told: Told,
    n_samples: int,
    seed: int,
    uncertainty: Uncertainty,
) -> Tensor:
    """`(S, H)`; S is 1 without dropout."""
    with torch.inference_mode():
        if uncertainty == "dropout":
            params = thinned_parameters(model, told, n_samples, seed)
        else:
            params = parameters(model, told, 1)
        return head.values(params).cpu()

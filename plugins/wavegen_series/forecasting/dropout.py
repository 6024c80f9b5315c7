"""Forecasts by a model whose dropout stays on: Monte Carlo dropout (Gal and Ghahramani 2016).

Every pass goes through another network, thinned by chance. A state would carry what one network
computed over to the next, so all steps are computed anew for each step of the horizon.

Dimensions: S paths, T steps of the context, H steps of the horizon, E event shape, P parameters, L
start symbols.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from wavegen.controls import Controls
from wavegen.errors import ConfigError
from wavegen.noise import uniforms
from wavegen.playing import TrainedModel
from wavegen.sampling import ControlBatch

from .one_pass import conditions, with_start
from .paths import Told, seeds

_STEPS = 2**16
"""Steps of all paths together that go through the network at once; it bounds the memory."""

_TRIED = 64
"""Networks of which one at least differs from the others, if anything is ever dropped."""


def thinned_parameters(model: TrainedModel, told: Told, n_samples: int, seed: int) -> Tensor:
    """`(S, P)` of the step after the series. Raises `ConfigError` for a model without dropout."""
    with _dropping(model, seeds(told.name, seed, 1)[0]):
        x, cond = with_start(model, told)
        _need_dropout(model, x, cond, told)
        return _last(model, x.expand(n_samples, *x.shape), cond, told)


def thinned_paths(
    model: TrainedModel, told: Told, horizon: int, n_samples: int, seed: int, controls: Controls
) -> Tensor:
    """`(S, H, *E)`: what the network is and what it draws are both left to chance.

    Raises `ConfigError` for a model without dropout.
    """
    model.head.admit(controls)
    own = list(seeds(told.name, seed, n_samples))
    n_known = len(told.x)
    noise = uniforms(own, [n_known] * n_samples, horizon, model.head.n_uniforms)
    by_step = torch.from_numpy(noise).transpose(0, 1).contiguous().to(model.device)
    batch = ControlBatch.of([controls] * n_samples, model.device)
    with _dropping(model, own[0]):
        x, cond = with_start(model, told)
        _need_dropout(model, x, cond, told)
        paths = x.expand(n_samples, *x.shape)
        for h, step in enumerate(by_step):
            params = _last(model, paths, conditions(model, told, n_known + h), told)
            paths = torch.cat([paths, model.head.draw(params, step, batch)[:, None]], dim=1)
    return paths[:, -horizon:].cpu().clone()


@contextmanager
def _dropping(model: TrainedModel, seed: int) -> Iterator[None]:
    """Dropout is on, and a function of the seed; afterwards all is as it was."""
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.inference_mode():
        torch.manual_seed(seed)
        model.model.train()
        try:
            yield
        finally:
            model.model.eval()


def _last(model: TrainedModel, x: Tensor, cond: Tensor | None, told: Told) -> Tensor:
    """Parameters `(S, P)` after symbols `(S, L + T, *E)`."""
    parts: list[Tensor] = []
    for block in x.split(max(1, _STEPS // x.shape[1])):
        n = len(block)
        rows = None if cond is None else cond.expand(n, *cond.shape)
        static = None
        if told.static is not None:
            static = told.static.to(model.device).expand(n, *told.static.shape)
        parts.append(model.model.tail(block, 1, rows, static)[:, 0])
    return torch.cat(parts)


def _need_dropout(model: TrainedModel, x: Tensor, cond: Tensor | None, told: Told) -> None:
    every = _last(model, x.expand(_TRIED, *x.shape), cond, told)
    if torch.allclose(every, every[:1].expand_as(every)):
        raise ConfigError(
            "this model was trained without dropout, so dropout says nothing of its uncertainty; "
            "train one with model.backbone_options dropout=0.1, or use --uncertainty paths"
        )

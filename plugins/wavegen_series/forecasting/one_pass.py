"""What a model says of a series in one parallel pass: parameters, densities, one-step draws.

Dimensions: T steps, P head parameters, E event shape, N channels, H horizon, L start symbols,
S draws.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wavegen.controls import Controls
from wavegen.noise import uniforms
from wavegen.playing import TrainedModel
from wavegen.sampling import ControlBatch

from .paths import Told

_ROWS = 65_536
"""How many draws are made at once."""


def parameters(model: TrainedModel, told: Told, keep: int) -> Tensor:
    """`(keep, P)`: of the last steps of T + 1, of which the last is the one after the series."""
    with torch.inference_mode():
        x, cond = with_start(model, told)
        static = None if told.static is None else told.static[None].to(model.device)
        rows = None if cond is None else cond[None]
        return model.model.tail(x[None], keep, rows, static)[0]


def with_start(model: TrainedModel, told: Told) -> tuple[Tensor, Tensor | None]:
    """Symbols `(L + T, *E)` with the start in front, and the conditions of what each predicts."""
    start = model.domain.start
    x = torch.cat([start.expand(model.lead_in, *start.shape), told.x]).to(model.device)
    return x, conditions(model, told, len(told.x))


def conditions(model: TrainedModel, told: Told, n: int) -> Tensor | None:
    """`(L + n, C)`: of what is predicted by the start and each of the first n steps."""
    if told.cond is None:
        return None
    start = model.domain.start_cond.expand(model.lead_in - 1, -1)
    return torch.cat([start, told.cond[: n + 1]]).to(model.device)


def nats_by_channel(model: TrainedModel, told: Told, first: int) -> Tensor:
    """`(T - first, N)`: -log density of the values from `first` on, NaN where one is missing.

    Each is given all steps before, and the channels of its own step that come before it.
    """
    keep = len(told.x) - first
    params = parameters(model, _up_to_last(told), keep)
    x = told.x[first:].to(model.device)
    events = x.reshape(keep, -1)
    nats = torch.empty(events.shape, dtype=torch.float64)
    before = torch.zeros(keep, dtype=torch.float64)
    with torch.inference_mode():
        for k in range(events.shape[1]):
            shown = events.clone()
            shown[:, k + 1 :] = torch.nan
            so_far = model.head.nll(params, shown.reshape(x.shape)).double().cpu()
            nats[:, k], before = so_far - before, so_far
    return nats.masked_fill(torch.isnan(events).cpu(), torch.nan)


def draw_ahead(model: TrainedModel, told: Told, first: int, n_samples: int, seed: int) -> Tensor:
    """`(S, T - first, *E)`: each step from `first` on, drawn given all before it."""
    keep = len(told.x) - first
    params = parameters(model, _up_to_last(told), keep)
    noise = uniforms([seed], [first], keep, n_samples * model.head.n_uniforms)[0]
    by_draw = torch.from_numpy(noise).to(model.device).unflatten(1, (n_samples, -1)).transpose(0, 1)
    share = max(1, _ROWS // keep)
    with torch.inference_mode():
        drawn: list[Tensor] = []
        for block in by_draw.split(share):
            rows = params.expand(len(block), *params.shape).flatten(0, 1)
            controls = ControlBatch.of([Controls()] * len(rows), model.device)
            events = model.head.draw(rows, block.flatten(0, 1), controls)
            drawn.append(events.unflatten(0, (len(block), keep)).cpu())
        return torch.cat(drawn).clone()


def _up_to_last(told: Told) -> Told:
    """Without the last step, so that the last parameters are of it."""
    return Told(told.name, told.x[:-1], told.cond, told.static)

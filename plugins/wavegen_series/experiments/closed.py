"""Forecasts in closed form: the last value, least squares, an echo state network's readout.

Dimensions: n series, T steps of context, H steps of a forecast, F features, N units.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..series import Numbers
from .training import build

_AT_ONCE = 500


def last_value(x: Numbers, horizon: int) -> Numbers:
    """The naive forecast `(n, H)`."""
    return np.repeat(x[:, -1:], horizon, axis=1)


def least_squares(train: Numbers, target: Numbers, x: Numbers, ridge: float = 0.0) -> Numbers:
    """Forecasts `(n, H)` by the linear map of features `(n, F)`, and 1, that fits training best.

    `ridge` is a penalty on the weights, for each series.
    """
    a, b = (np.concatenate([np.ones((len(each), 1)), each], axis=1) for each in (train, x))
    if ridge:
        gram = a.T @ a / len(a) + ridge * np.eye(a.shape[1])
        return b @ np.linalg.solve(gram, a.T @ target / len(a))
    return b @ np.linalg.lstsq(a, target, rcond=None)[0]


def second_order(x: Numbers, horizon: int) -> Numbers:
    """Each series goes on by the recurrence of order 2 around 0.5 that fits it best: `(n, H)`."""
    series = [list(row - 0.5) for row in x]
    for row in series:
        past = np.array(row)
        a, b = np.linalg.lstsq(np.stack([past[1:-1], past[:-2]], 1), past[2:], rcond=None)[0]
        for _ in range(horizon):
            row.append(a * row[-1] + b * row[-2])
    return np.array(series)[:, -horizon:] + 0.5


@torch.no_grad()
def echoes(x: Numbers, settings: Mapping[str, Any], seed: int) -> tuple[Numbers, float]:
    """What a reservoir holds after each series: x and its units `(n, T + N)`; CPU seconds."""
    began = time.process_time()
    torch.manual_seed(seed)
    model = build("echo-state", settings, 1)
    parts = torch.tensor(x, dtype=torch.float32).split(_AT_ONCE)
    held = [model.prefill(part, model.init_state(len(part)))[1].h for part in parts]
    units = torch.cat(held).double().numpy()
    return np.concatenate([x, units], axis=1), time.process_time() - began

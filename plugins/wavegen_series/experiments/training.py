"""Trains a model on many short series, in epochs, as textbooks do.

Dimensions: n series, T steps, W of them scored, H steps of a forecast.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wavegen import config as configs
from wavegen.heads import Head, Point
from wavegen.model import SequenceModel, SequenceSpec
from wavegen.plugins import plugins
from wavegen.training.config import TrainerConfig
from wavegen.training.ema import Ema
from wavegen.training.initial import keras_style
from wavegen.training.loop import Scorer
from wavegen.training.optimizers import optimizers, set_share
from wavegen.training.schedule import learning_rate_share
from wavegen.training.windows import Batch

from ..series import Numbers

_AT_ONCE = 500

BOOK: Mapping[str, Any] = {
    "batch": 32, "lr": 1e-3, "muon_lr": 0, "schedule": "constant", "warmup": 0, "beta2": 0.999,
    "weight_decay": 0, "clip": 0, "ema": 0,
}  # fmt: skip
"""Plain Adam, as in the books: weights as the model draws them."""


@dataclass(frozen=True)
class Recipe:
    """How a row of a table is trained."""

    epochs: int
    trainer: TrainerConfig
    every_step: bool = True
    """Score a forecast after every step (sequence to sequence), or after the last one only."""


def recipe(epochs: int, every_step: bool = True, **trainer: Any) -> Recipe:
    """A recipe that differs from the books' in the named training settings."""
    return Recipe(epochs, TrainerConfig(**{**BOOK, **trainer}), every_step)


@dataclass(frozen=True)
class Trained:
    """A model, and what it took."""

    model: SequenceModel[Any]
    parameters: int
    cpu_seconds: float


def build(name: str, settings: Mapping[str, Any], horizon: int) -> SequenceModel[Any]:
    """An installed model that reads real values and gives `horizon` numbers a step."""
    spec = plugins().model(name).spec
    config = configs.parse(spec.config, settings, "model")
    return spec.build(config, SequenceSpec(n_params=horizon, n_classes=None))


def fit(
    make: Callable[[], SequenceModel[Any]],
    x: Numbers,
    target: Numbers | npt.NDArray[np.int64],
    how: Recipe,
    seed: int,
    *,
    loss: Head,
    say: Callable[[str], None],
) -> Trained:
    """Train on inputs `(n, T)` and targets of the last W steps: `(n, W, H)`; classes `(n, W)`."""
    began = time.process_time()
    torch.manual_seed(seed)
    model, settings = make(), how.trainer
    if settings.init == "keras":
        keras_style(model)
    scorer = Scorer(model, loss)
    scorer.train()
    batch = _batch(x, target if how.every_step else target[:, -1:])
    average = Ema(scorer, settings.ema) if settings.ema else None
    found = optimizers(scorer, model.hidden_weights(), settings)
    order = torch.Generator().manual_seed(seed)
    n_updates = how.epochs * -(-len(x) // settings.batch)
    update = 0
    for epoch in range(how.epochs):
        total = 0.0
        for rows in torch.randperm(len(x), generator=order).split(settings.batch):
            share = learning_rate_share(settings.schedule, update / n_updates, settings.warmup)
            set_share(found, share)
            nats, count = scorer(_rows(batch, rows))
            error = nats / count
            error.backward()
            if settings.clip:
                torch.nn.utils.clip_grad_norm_(scorer.parameters(), settings.clip)
            for optimizer in found:
                optimizer.step()
            scorer.zero_grad()
            if average:
                average.update()
            total += error.item() * len(rows) / len(x)
            update += 1
        say(f"epoch {epoch + 1} of {how.epochs}: loss {total:.5f}")
    if average:
        with torch.no_grad():
            for name, parameter in scorer.named_parameters():
                parameter.copy_(average.average[name])
    n_parameters = sum(p.numel() for p in scorer.parameters())
    return Trained(model.eval(), n_parameters, time.process_time() - began)


@torch.no_grad()
def last_outputs(model: SequenceModel[Any], x: Numbers) -> Numbers:
    """What a model says after the last step of x `(n, T)`: `(n, H)`."""
    parts = torch.tensor(x, dtype=torch.float32).split(_AT_ONCE)
    return torch.cat([model.tail(part, 1)[:, 0] for part in parts]).double().numpy()


@torch.no_grad()
def iterated(model: SequenceModel[Any], x: Numbers, horizon: int) -> Numbers:
    """Forecasts `(n, H)` of a model of one step that reads what it said before."""
    seen = torch.tensor(x, dtype=torch.float32)
    out, state = model.prefill(seen, model.init_state(len(seen)))
    said = [out]
    for _ in range(horizon - 1):
        out, state = model.step(said[-1][:, 0], state)
        said.append(out)
    return torch.cat(said, 1).double().numpy()


def targets_after(series: Numbers, steps: int, horizon: int) -> Numbers:
    """The next `horizon` values after each of the first `steps` ones: `(n, steps, H)`."""
    windows = np.lib.stride_tricks.sliding_window_view(series[:, 1:], horizon, axis=1)
    return windows[:, :steps]


def squared(horizon: int) -> Point:
    """Mean squared error."""
    return Point(horizon, "squared")


def _batch(x: Numbers, target: Numbers | npt.NDArray[np.int64]) -> Batch:
    wanted = torch.tensor(target)
    wanted = wanted.float() if wanted.is_floating_point() else wanted
    weight = torch.ones(wanted.shape[:2])
    return Batch(torch.tensor(x, dtype=torch.float32), wanted, weight, None, None)


def _rows(batch: Batch, rows: Tensor) -> Batch:
    return Batch(batch.x[rows], batch.target[rows], batch.weight[rows], None, None)

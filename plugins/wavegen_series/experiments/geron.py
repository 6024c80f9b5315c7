"""Forecasts of two sines and noise, as in chapter 15 of Hands-On Machine Learning (Geron 2019).

7,000 series train, 2,000 are scored, after 50 steps each.

Dimensions: n series, H steps of the forecast.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..datasets.catalogue import generate
from ..series import Numbers
from .closed import echoes, last_value, least_squares
from .geron_nets import NEURAL, Neural
from .table import Line, Outcome, Table
from .training import (
    fit,
    iterated,
    last_outputs,
    squared,
    targets_after,
)

HORIZONS = (1, 10)
FLOORS = {1: 0.00090, 10: 0.00092}
"""Of the best forecast from 50 noisy values, measured by sampling what the sines may have been."""
_NOISE = 0.1**2 / 12
_CONTEXT, _TRAIN, _VALID, _SEED = 50, slice(0, 7000), slice(7000, 9000), 42
_ECHO = {"units": 500, "spectral_radius": 0.95, "leak": 0.7}
_ECHO_RIDGE = 1e-8
ROWS = ("naive", "linear", "iterated", "esn", *NEURAL)
_HORIZONS_OF = {"iterated": (10,), "seq2seq": (10,), "simple-rnn": (1,)}
"""Of rows that say something of one of them only: for one step, the first two are the same as
others, and a single unit has one value."""


def geron(
    rows: Sequence[str],
    horizons: Sequence[int],
    seeds: int,
    budget: str,
    say: Callable[[str], None],
) -> list[Table]:
    """One table for each horizon."""
    return [_table(rows, horizon, seeds, budget, say) for horizon in horizons]


def _table(
    rows: Sequence[str], horizon: int, seeds: int, budget: str, say: Callable[[str], None]
) -> Table:
    data = generate("geron", 10_000, _CONTEXT + horizon, _SEED)
    lines = []
    for row in rows:
        if horizon not in _HORIZONS_OF.get(row, HORIZONS):
            continue
        outcomes = []
        for seed in range(1 if row in ("naive", "linear") else seeds):
            tell = partial(_tell, say, f"{horizon} ahead, {row}, seed {seed}")
            outcomes.append(_outcome(row, data, horizon, seed, budget, tell))
            tell(f"{outcomes[-1].error:.5f}")
        lines.append(Line(row, outcomes, _source(row, horizon), _remark(row, horizon)))
    title = f"Two sines and noise: {horizon} step{'s' * (horizon > 1)} ahead, budget {budget}"
    floors = f"{_NOISE:.6f} for the noise alone, about {FLOORS[horizon]:.5f} for any forecast"
    return Table(title, "MSE", lines, [f"Floors: {floors}."])


def _tell(say: Callable[[str], None], about: str, line: str) -> None:
    say(f"{about}: {line}")


def _outcome(
    row: str, data: Numbers, horizon: int, seed: int, budget: str, say: Callable[[str], None]
) -> Outcome:
    x, truth = data[:, :_CONTEXT], data[:, _CONTEXT:]
    began = time.process_time()
    match row:
        case "naive":
            return Outcome(_error(last_value(x[_VALID], horizon), truth))
        case "linear":
            said = least_squares(x[_TRAIN], truth[_TRAIN], x[_VALID])
            seconds = time.process_time() - began
            return Outcome(_error(said, truth), (_CONTEXT + 1) * horizon, seconds)
        case "esn":
            held, seconds = echoes(x, _ECHO, seed)
            said = least_squares(held[_TRAIN], truth[_TRAIN], held[_VALID], _ECHO_RIDGE)
            return Outcome(_error(said, truth), (held.shape[1] + 1) * horizon, seconds)
        case "iterated":  # as in the book, the net of one step knows series of another spacing
            one = generate("geron", 10_000, _CONTEXT + 1, _SEED)
            trained = _fit(NEURAL["deep-rnn"], one, 1, seed, budget, say)
            said = iterated(trained.model, x[_VALID], horizon)
            return Outcome(_error(said, truth), trained.parameters, trained.cpu_seconds)
    trained = _fit(NEURAL[row], data, horizon, seed, budget, say)
    said = last_outputs(trained.model, x[_VALID])
    return Outcome(_error(said, truth), trained.parameters, trained.cpu_seconds)


def _fit(
    row: Neural, data: Numbers, horizon: int, seed: int, budget: str, say: Callable[[str], None]
) -> Any:
    how = row.book if budget == "book" else row.good(row.book)
    train = data[_TRAIN]
    return fit(
        lambda: row.make(horizon),
        train[:, :_CONTEXT],
        targets_after(train, _CONTEXT, horizon),
        how,
        seed,
        loss=squared(horizon),
        say=say,
    )


def _error(said: Numbers, truth: Numbers) -> float:
    return float(np.mean((said - truth[_VALID]) ** 2))


def _source(row: str, horizon: int) -> float | None:
    printed = {
        ("naive", 1): 0.020, ("naive", 10): 0.223, ("iterated", 10): 0.029,
    }  # fmt: skip
    if row in NEURAL:
        return NEURAL[row].source.get(horizon)
    return printed.get((row, horizon))


def _remark(row: str, horizon: int) -> str:
    if row == "naive" and horizon == 10:
        return "0.223 is a slip: it repeats the last value of the target"
    if row == "linear":
        return "least squares"
    if row == "esn":
        return "a readout of 500 random units and the 50 values"
    if row == "iterated":
        return "the deep RNN of one step, on series of another spacing, as in the source"
    return NEURAL[row].remark if row in NEURAL else ""

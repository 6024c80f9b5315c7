"""Forecasts of damped sines, as the stacked LSTM of Brownlee 2017 makes them: 5 values after 50.

10,000 series train, once; 1,000 are scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wavegen.heads import Point

from ..datasets.catalogue import generate
from ..series import Numbers
from .closed import echoes, last_value, least_squares, second_order
from .table import Line, Outcome, Table
from .training import build, fit, last_outputs, recipe

_CONTEXT, _HORIZON = 50, 5
_SEEDS = {"train": 1, "test": 2}
_ECHO = {"units": 300, "spectral_radius": 0.9, "sparsity": 0.97}
_ECHO_RIDGE = 1e-12
_ONCE = recipe(1, False, batch=10, init="keras")
_LONG = recipe(10, False, batch=32, schedule="one-cycle", lr=4e-3, clip=5)
_NETS: Mapping[str, Mapping[str, Any]] = {
    "lstm": {"cell": "lstm", "layers": 2, "width": 20, "embedding": 0},
    "gru": {"cell": "gru", "layers": 2, "width": 20, "embedding": 0},
}
ROWS = ("half", "naive", "lstm", "gru", "esn", "linear", "ar2")
_REMARKS = {
    "half": "0.5 at every step",
    "lstm": "5,145 parameters, as in the source",
    "esn": "a readout of 300 random units",
    "linear": "least squares of 5 values on 50",
    "ar2": "each series by its own recurrence of order 2",
}


def damped(rows: Sequence[str], seeds: int, budget: str, say: Callable[[str], None]) -> list[Table]:
    """The one table."""
    train, test = (
        generate("damped", n, _CONTEXT + _HORIZON, _SEEDS[name])
        for name, n in (("train", 10_000), ("test", 1_000))
    )
    lines = []
    for row in rows:
        outcomes = []
        for seed in range(seeds if row in (*_NETS, "esn") else 1):
            outcomes.append(_outcome(row, train, test, seed, budget, say))
            say(f"{row}, seed {seed}: {outcomes[-1].error:.3g}")
        lines.append(
            Line(row, outcomes, 0.021665 if row == "lstm" else None, _REMARKS.get(row, ""))
        )
    title = f"Damped sines: {_HORIZON} steps ahead, budget {budget}"
    remark = (
        "Around 0.5 each series is exactly a linear recurrence of order 2, so the floor is 0: "
        "least squares finds it, and a network of gates is the wrong tool."
    )
    return [Table(title, "MAE", lines, [remark])]


def _outcome(
    row: str,
    train: Numbers,
    test: Numbers,
    seed: int,
    budget: str,
    say: Callable[[str], None],
) -> Outcome:
    x, truth = test[:, :_CONTEXT], test[:, _CONTEXT:]
    known, target = train[:, :_CONTEXT], train[:, _CONTEXT:]
    match row:
        case "half":
            return Outcome(_error(np.full_like(truth, 0.5), truth))
        case "naive":
            return Outcome(_error(last_value(x, _HORIZON), truth))
        case "ar2":
            return Outcome(_error(second_order(x, _HORIZON), truth), 2)
        case "linear":
            said = least_squares(known, target, x)
            return Outcome(_error(said, truth), (_CONTEXT + 1) * _HORIZON)
        case "esn":
            held, seconds = echoes(known, _ECHO, seed)
            units = [each[:, _CONTEXT:] for each in (held, echoes(x, _ECHO, seed)[0])]
            said = least_squares(units[0], target, units[1], _ECHO_RIDGE)
            return Outcome(_error(said, truth), (units[0].shape[1] + 1) * _HORIZON, seconds)
    trained = fit(
        lambda: build("recurrent", _NETS[row], _HORIZON),
        known,
        target[:, None],
        _ONCE if budget == "book" else _LONG,
        seed,
        loss=Point(_HORIZON, "absolute"),
        say=lambda told: say(f"{row}, seed {seed}: {told}"),
    )
    said = last_outputs(trained.model, x)
    return Outcome(_error(said, truth), trained.parameters, trained.cpu_seconds)


def _error(said: Numbers, truth: Numbers) -> float:
    return float(np.mean(np.abs(said - truth)))

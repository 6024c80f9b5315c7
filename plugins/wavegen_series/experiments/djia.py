"""Will the Dow Jones close higher tomorrow? Asked of prices alone, as of a TCN by Deng et al. 2019.

1,989 days from 2008-08-08 to 2016-07-01; the last fifth is scored. An honest answer is about as
good as a coin, so the table says how wide chance is.

Dimensions: T days, n windows, W days of a window.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wavegen.heads import Categorical

from ..datasets.catalogue import load
from ..series import Numbers
from .table import Line, Outcome, Table
from .training import build, fit, last_outputs, recipe

_FIRST, _BEYOND = np.datetime64("2008-08-08"), np.datetime64("2016-07-02")
_SCORED = 398
_WINDOW = 64
_TRAINING = recipe(4, batch=64, lr=2e-3, schedule="one-cycle", clip=1, weight_decay=0.1)
_NETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "tcn": ("tcn", {"blocks": 3, "channels": 25, "kernel": 3, "dropout": 0.2}),
    "gru": ("recurrent", {"cell": "gru", "layers": 1, "width": 25, "embedding": 0}),
}
ROWS = ("majority", "reversal", *_NETS)
_REMARKS = {
    "majority": "what was more frequent before",
    "reversal": "the opposite of today",
    "tcn": "receptive field of 29 days",
}


def djia(rows: Sequence[str], seeds: int, say: Callable[[str], None]) -> list[Table]:
    """The one table. Needs the package that ships the Dow Jones."""
    (series,) = load("djia")
    inside = (series.time >= _FIRST) & (series.time < _BEYOND)
    returns = 100 * np.diff(np.log(series.values[inside, 0]))
    rises = (returns >= 0).astype(np.int64)
    lines = []
    for row in rows:
        outcomes = []
        for seed in range(seeds if row in _NETS else 1):
            outcomes.append(_outcome(row, returns, rises, seed, say))
            say(f"{row}, seed {seed}: {outcomes[-1].error:.3f}")
        lines.append(Line(row, outcomes, None, _REMARKS.get(row, "")))
    half = 1.96 * math.sqrt(0.25 / _SCORED)
    remarks = [
        f"{_SCORED} days are scored: chance alone moves a figure by {half:.3f} either way (95 %).",
        "Where 0.6 or more is reported of such data, look for a leak: news of the same day, or a "
        "scale or a wavelet computed over the whole series.",
    ]
    return [Table("Dow Jones: the direction of the next day", "accuracy", lines, remarks)]


def _outcome(
    row: str,
    returns: Numbers,
    rises: npt.NDArray[np.int64],
    seed: int,
    say: Callable[[str], None],
) -> Outcome:
    truth, before = rises[-_SCORED:], len(rises) - _SCORED
    match row:
        case "majority":
            return Outcome(float(np.mean(truth == round(float(rises[:before].mean())))))
        case "reversal":
            return Outcome(float(np.mean(truth != rises[before - 1 : -1])))
    name, settings = _NETS[row]
    windows = np.lib.stride_tricks.sliding_window_view
    trained = fit(
        lambda: build(name, settings, 2),
        windows(returns[: before - 1], _WINDOW).copy(),
        windows(rises[1:before], _WINDOW).copy(),
        _TRAINING,
        seed,
        loss=Categorical(2),
        say=lambda told: say(f"{row}, seed {seed}: {told}"),
    )
    said = last_outputs(trained.model, windows(returns[before - _WINDOW : -1], _WINDOW).copy())
    accuracy = float(np.mean(said.argmax(1) == truth))
    return Outcome(accuracy, trained.parameters, trained.cpu_seconds)

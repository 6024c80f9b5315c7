"""Learning rate over a run, as a share of the highest; progress is 0 at the start, 1 at the end."""

from __future__ import annotations

import math

_ONE_CYCLE_PEAK = 0.3
_ONE_CYCLE_START = 0.04


def learning_rate_share(schedule: str, progress: float, warmup: float) -> float:
    """Between 0 and 1, for `cosine`, `one-cycle` (Smith and Topin 2017) or `constant`."""
    progress = min(max(progress, 0.0), 1.0)
    if schedule == "one-cycle":
        if progress < _ONE_CYCLE_PEAK:
            rise = (1 - math.cos(math.pi * progress / _ONE_CYCLE_PEAK)) / 2
            return _ONE_CYCLE_START + (1 - _ONE_CYCLE_START) * rise
        return (1 + math.cos(math.pi * (progress - _ONE_CYCLE_PEAK) / (1 - _ONE_CYCLE_PEAK))) / 2
    ramp = min(1.0, progress / warmup) if warmup else 1.0
    return ramp * (1.0 if schedule == "constant" else (1 + math.cos(math.pi * progress)) / 2)

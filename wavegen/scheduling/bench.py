"""How much of an engine's speed reaches the streams of a scheduler, as ratios taken in one run.

Dimensions: V voices.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from ..engines.bench import processor
from ..errors import WavegenError
from ..opening import Opening
from .listener import Listener
from .part import Part
from .scheduler import Scheduler
from .speeds import Speeds, measure
from .stream import Stream

_SECONDS = 0.25  # of one reading
_AHEAD_SECONDS = 1.0  # as a server allows


def bench_streams(
    part: Part, make: Callable[[int], Opening], voices: Sequence[int], rounds: int
) -> dict[str, Any]:
    """Steps a second of V voices: the engine by itself, and streams that are heard at once.

    `make` gives the opening of the stream with a seed.
    """
    speeds = measure(part, max(voices))
    readings = {v: (list[float](), list[float]()) for v in voices}
    for _ in range(rounds):
        for v, (own, scheduled) in readings.items():
            own.append(_engine(part, v, speeds))
            scheduled.append(_scheduler(part, make, v, speeds))
    rows: list[dict[str, float]] = []
    for v, (own, scheduled) in readings.items():
        rows.append(
            {
                "voices": v,
                "engine_steps_per_s": statistics.median(own),
                "streams_steps_per_s": statistics.median(scheduled),
                # Of each round by itself, in which both met the same machine.
                "share": statistics.median(s / o for o, s in zip(own, scheduled, strict=True)),
            }
        )
    return {"cpu": processor(), "rounds": rounds, "rows": rows}


def _engine(part: Part, n_voices: int, speeds: Speeds) -> float:
    seats = [part.engine.seat(replace(part.voice, seed=i)) for i in range(n_voices)]
    n_steps = max(1, round(speeds.together(n_voices) * _SECONDS / n_voices))
    cond = torch.zeros(n_voices, n_steps, part.n_cond) if part.n_cond else None
    begin = time.perf_counter()
    part.engine.play(seats, n_steps, cond)
    return n_voices * n_steps / (time.perf_counter() - begin)


def _scheduler(part: Part, make: Callable[[int], Opening], n_voices: int, speeds: Speeds) -> float:
    with ThreadPoolExecutor(1) as primer:
        scheduler = Scheduler(part, speeds, n_voices, primer=primer, wake=lambda: None)
        n_ahead = max(1, round(_AHEAD_SECONDS * part.domain.rate_hz))
        for seed in range(n_voices):
            listener = _Eager()
            listener.stream = scheduler.join(partial(make, seed), listener, max_ahead_steps=n_ahead)
        while scheduler.n_steps_made == 0:  # those that join do so outside the reading
            scheduler.tick()
        done, begin = scheduler.n_steps_made, time.perf_counter()
        while (seconds := time.perf_counter() - begin) < _SECONDS:
            scheduler.tick()
        return (scheduler.n_steps_made - done) / seconds


class _Eager(Listener):
    """Has heard each piece as soon as it comes."""

    stream: Stream

    def queued(self, place: int) -> None: ...

    def began(self) -> None: ...

    def piece(self, first_step: int, n_steps: int, raw: Any) -> None:
        if n_steps:
            self.stream.heard(first_step)

    def ended(self, error: WavegenError | None) -> None: ...

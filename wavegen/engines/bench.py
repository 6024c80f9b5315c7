"""How fast a model is played on this machine, as ratios taken in one run.

Every round times each case once, so that a busy machine slows all of them alike; what is reported
are medians over the rounds.

Dimensions: V voices.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..heads import Head
from ..model import SequenceModel
from ..native import library
from ..program.lowering import lower
from ..program.precision import with_precision
from ..program.program import Precision
from .arena import StateLayout
from .torch_engine import MIN_SLOTS, TorchEngine

_SECONDS = 0.25
"""How long one case runs in one round, about."""
_FLOOR_PASSES = 200


@dataclass(frozen=True)
class Row:
    """One case. A step is a step of one voice: V voices make V of them at a time."""

    engine: str
    precision: str
    voices: int
    threads: int
    steps_per_s: float
    us_per_step: float
    vs_torch: float | None
    """Its rate over that of the torch engine with as many voices on one thread."""
    floor_us: float | None
    """One read-only pass over the packed weights by one thread: no step of one voice is faster."""
    of_floor: float | None
    """`floor_us` over the time of a step, for one voice on one thread."""
    gmacs: float
    """10^9 multiplications with weights a second, all voices together."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


@dataclass
class _Case:
    """Something to be timed: how many steps one call makes, and what it took."""

    run: Callable[[int], None]
    voices: int
    steps: int = 1
    seconds: list[float] | None = None

    def warm_up(self) -> None:
        """Find out how many steps take about `_SECONDS`."""
        self.run(self.steps)
        while (spent := _timed(self.run, self.steps)) < _SECONDS / 4:
            self.steps = max(self.steps + 1, int(self.steps * min(10, _SECONDS / (2 * spent))))
        self.steps = max(1, int(self.steps * _SECONDS / spent))
        self.seconds = []

    def measure(self) -> None:
        """One round."""
        assert self.seconds is not None
        self.seconds.append(_timed(self.run, self.steps) / self.steps)


def bench_decode(
    model: SequenceModel[Any],
    head: Head,
    *,
    precisions: Sequence[Precision],
    voices: Sequence[int],
    threads: int,
    rounds: int,
) -> dict[str, Any]:
    """Rates of the native engine for each precision and number of voices, beside torch's.

    The model has no per-step conditions. Raises `LoweringError` or `NativeUnavailable`.
    """
    program = lower(model, head)
    opened = {p: library.Program(with_precision(program, p).to_bytes()) for p in precisions}
    native = {
        (p, v): _Case(_native(model, opened[p], StateLayout(program.header), v, threads), v)
        for p in precisions
        for v in voices
    }
    plain = {v: _Case(_plain(model, head, v), v) for v in voices}
    floors = {p: list[float]() for p in precisions}
    cases = [*native.values(), *plain.values()]
    for case in cases:
        case.warm_up()
    for _ in range(rounds):
        for case in cases:
            case.measure()
        for precision, floor in floors.items():
            floor.append(_floor(opened[precision]))
    rows = [_row("torch", "float32", 1, plain[v], plain[v], None, program.n_macs) for v in voices]
    rows += [
        _row(opened[p].build, p, threads, case, plain[v], floors[p], program.n_macs)
        for (p, v), case in native.items()
    ]
    return {
        "cpu": processor(),
        "build": next(iter(opened.values())).build,
        "parameters": sum(p.numel() for p in model.parameters()),
        "macs": program.n_macs,
        "rounds": rounds,
        "rows": [row.to_dict() for row in rows],
    }


def _row(
    engine: str,
    precision: str,
    threads: int,
    case: _Case,
    plain: _Case,
    floor: list[float] | None,
    macs: int,
) -> Row:
    assert case.seconds
    assert plain.seconds
    block = statistics.median(case.seconds)
    rate = case.voices / block
    is_native, is_alone = floor is not None, case.voices == threads == 1
    ratios = [b / a for a, b in zip(case.seconds, plain.seconds, strict=True)]
    shares = [f / s for f, s in zip(floor or (), case.seconds, strict=bool(floor))]
    return Row(
        engine="native" if is_native else engine,
        precision=precision,
        voices=case.voices,
        threads=threads,
        steps_per_s=round(rate, 1),
        us_per_step=round(1e6 / rate, 3),
        vs_torch=round(statistics.median(ratios), 2) if is_native else None,
        floor_us=round(1e6 * statistics.median(floor), 2) if floor else None,
        of_floor=round(statistics.median(shares), 3) if is_alone and shares else None,
        gmacs=round(rate * macs / 1e9, 2),
    )


def _native(
    model: SequenceModel[Any],
    program: library.Program,
    layout: StateLayout,
    voices: int,
    threads: int,
) -> Callable[[int], None]:
    with torch.no_grad():
        state = model.init_state(1)
    event = program.header["event"]
    slots = [
        library.Slot(
            state=layout.pack(state), event=np.zeros(event["size"], program.event_type), seed=seed
        )
        for seed in range(voices)
    ]
    runner = program.runner(threads)
    return lambda n_steps: runner.advance(slots, n_steps)


def _plain(model: SequenceModel[Any], head: Head, voices: int) -> Callable[[int], None]:
    """The torch engine on one thread, with no more slots than it needs."""
    slots = max(MIN_SLOTS, voices)
    engine = TorchEngine(model, head, slots=slots, device=torch.device("cpu"))
    spec = model.spec
    kind = torch.float32 if spec.n_classes is None else torch.int64
    first = torch.zeros(spec.event_shape, dtype=kind)
    company = [engine.start(first, 0) for _ in range(voices)]

    def run(n_steps: int) -> None:
        engine.advance(company, n_steps)

    return run


def _floor(program: library.Program) -> float:
    """Seconds of one pass over the packed weights."""
    return _timed(lambda n: _passes(program, n), _FLOOR_PASSES) / _FLOOR_PASSES


def _passes(program: library.Program, n: int) -> None:
    for _ in range(n):
        program.read_weights()


def _timed(run: Callable[[int], None], n: int) -> float:
    begin = time.perf_counter()
    run(n)
    return time.perf_counter() - begin


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines: Iterable[str] = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = ()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())

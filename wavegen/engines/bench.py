"""How fast a model is played on this machine, as ratios taken in one run.

Every round times each case once, so that a busy machine slows all of them alike; what is reported
are medians over the rounds.

Dimensions: V voices.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..heads import Head
from ..model import SequenceModel
from ..native import library
from ..program.lowering import lower
from ..program.precision import with_precision
from ..program.program import Precision, Program
from ..program.tally import products_by_turn, tally
from .arena import StateLayout
from .torch_engine import MIN_SLOTS, TorchEngine

_SECONDS = 0.25
"""How long one case runs in one round, about."""
_TURNS = 512
"""Steps whose turns are looked at."""


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
    """One read-only pass over the packed weights of a step by one thread: no step of one voice is
    faster. Where parts of a model have turns, the mean over `_TURNS` steps."""
    of_floor: float | None
    """`floor_us` over the time of a step, for one voice on one thread."""
    gmacs: float
    """10^9 multiplications with weights a second, all voices together, of the mean step."""

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
    begin = StateLayout(program.header).pack(_begin(model))
    done = tally(program, begin, _TURNS)
    weights = {p: _weights(with_precision(program, p), done) for p in precisions}
    macs = round(
        sum(
            part.n_macs * (1 if turn is None else float(done[turn].mean()))
            for turn, part in products_by_turn(program).items()
        )
    )
    floors = {p: list[float]() for p in precisions}
    cases = [*native.values(), *plain.values()]
    for case in cases:
        case.warm_up()
    for _ in range(rounds):
        for case in cases:
            case.measure()
        for precision, floor in floors.items():
            floor.append(_timed(lambda n, p=precision: _read(weights[p], n), _TURNS) / _TURNS)
    rows = [_row("torch", "float32", 1, plain[v], plain[v], None, macs) for v in voices]
    rows += [
        _row(opened[p].build, p, threads, case, plain[v], floors[p], macs)
        for (p, v), case in native.items()
    ]
    return {
        "cpu": processor(),
        "build": next(iter(opened.values())).build,
        "parameters": sum(p.numel() for p in model.parameters()),
        "macs": macs,
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
    state = _begin(model)
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


def _weights(
    program: Program, done: Mapping[int, npt.NDArray[np.bool_]]
) -> list[list[library.Program]]:
    """For each step the products that it computes."""
    opened = {
        turn: library.Program(part.to_bytes()) for turn, part in products_by_turn(program).items()
    }
    return [
        [part for turn, part in opened.items() if turn is None or done[turn][step]]
        for step in range(_TURNS)
    ]


def _read(weights: Sequence[Sequence[library.Program]], n_steps: int) -> None:
    for step in range(n_steps):
        for part in weights[step]:
            part.read_weights()


def _begin(model: SequenceModel[Any]) -> Any:
    with torch.no_grad():
        return model.init_state(1)


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

"""What a step costs as its past grows: linear attention beside softmax attention, in one run.

Linear attention is played by the native engine and by the torch engine. Softmax attention of the
same size is played by both kinds of machinery too, each as well as it can be:

    cache, native    a step program whose window is as long as the past
    cache, torch     PyTorch's fused attention over keys and values in memory that is there from
                     the start (what grows a tensor at each step, or copies it, is slower)
    recompute        PyTorch's fused causal attention over the whole past again at each step, which
                     is what the speed-ups of Katharopoulos et al. 2020 are over

One voice, one thread, float32, random weights; what counts is the CPU's time, so that other work on
the machine disturbs less. Every round times each case once; medians over the rounds are reported.

Dimensions: T steps, L layers, H heads, D channels of a head, W width, P head parameters.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..heads import Head
from ..layers.embedding import EventEmbedding
from ..layers.positions import Angles, rotated
from ..layers.transformer_block import Block
from ..model import SequenceModel, SequenceSpec
from ..native import library
from ..program.lowering import lower
from .arena import StateLayout
from .bench import processor
from .engine import Engine
from .native_engine import NativeEngine
from .torch_engine import MIN_SLOTS, TorchEngine

_STEPS = 32
"""How many are timed at a time, half of them before the position."""
_CPU = torch.device("cpu")
PAPER = {784: 317, 3072: 4462}
"""Steps of an image (MNIST, CIFAR-10), and how many times faster than recomputing the paper drew
it: batches on a GPU (Katharopoulos et al. 2020, tables 1 and 2).
"""


@dataclass(frozen=True)
class Sizes:
    """Of the transformer that is compared."""

    layers: int
    width: int
    heads: int
    feed_forward: int


class CachedTransformer(nn.Module):
    """Softmax attention to the whole past, of the `transformer` model's equations and weights."""

    def __init__(self, sizes: Sizes, n_classes: int, most_steps: int) -> None:
        super().__init__()
        width, heads, head_width = sizes.width, sizes.heads, sizes.width // sizes.heads
        self.embedding = EventEmbedding(SequenceSpec(n_classes, n_classes), width)
        self.angles = Angles(head_width // 2)
        self.blocks = nn.ModuleList(
            Block(width, heads, sizes.feed_forward, depth=sizes.layers, pre_norm=True, dropout=0.0)
            for _ in range(sizes.layers)
        )
        self.last_norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, n_classes)
        # Written, so that each page has memory of its own.
        self.cache = torch.randn(sizes.layers, 2, 1, heads, most_steps, head_width)

    @torch.inference_mode()
    def whole(self, x: Tensor) -> Tensor:
        """All steps `(1, T)`: the parameters `(1, P)` of the last."""
        angles = self.angles(torch.arange(x.shape[1]))
        h = self.embedding(x, None)
        for block in self.blocks:

            def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                q, k = rotated(q, angles), rotated(k, angles)
                q, k, v = (y.transpose(1, 2) for y in (q, k, v))
                return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)

            h = block(h, mix)
        return self.output(self.last_norm(h[:, -1]))

    def step(self, x: Tensor, position: int) -> Tensor:
        """The symbol `(1)` at `position`: `(1, P)`; the cache holds those before it."""
        angles = self.angles(torch.tensor([position]))
        h = self.embedding(x, None)
        for block, (keys, values) in zip(self.blocks, self.cache, strict=True):

            def mix(
                q: Tensor, k: Tensor, v: Tensor, keys: Tensor = keys, values: Tensor = values
            ) -> Tensor:
                keys[:, :, position], values[:, :, position] = rotated(k, angles), v
                q, past = rotated(q, angles)[:, :, None], position + 1
                out = F.scaled_dot_product_attention(q, keys[:, :, :past], values[:, :, :past])
                return out[:, :, 0]

            h = block(h, mix)
        return self.output(self.last_norm(h))

    @torch.inference_mode()
    def play(self, n_steps: int, position: int) -> None:
        """Draw symbols from `position` on."""
        x = torch.zeros(1, dtype=torch.int64)
        for step in range(n_steps):
            x = self.step(x, position + step).softmax(-1).multinomial(1)[:, 0]


@dataclass
class _Case:
    """Something to be timed, and the milliseconds of a step in each round."""

    run: Callable[[], object]
    steps: int
    ms: list[float] = field(default_factory=list[float])

    def measure(self) -> None:
        begin = time.process_time()
        self.run()
        self.ms.append(1e3 * (time.process_time() - begin) / self.steps)


def bench_positions(
    linear: SequenceModel[Any],
    windowed: Callable[[int], SequenceModel[Any]],
    sizes: Sizes,
    head: Head,
    *,
    positions: Sequence[int],
    rounds: int,
) -> dict[str, Any]:
    """Milliseconds of a step at each of the ascending positions, and seconds of whole sequences.

    `windowed(n)` is the softmax model that attends to n steps. Raises `LoweringError` or
    `NativeUnavailable`.
    """
    program = lower(linear, head)
    native = NativeEngine(linear, head, program, slots=1)
    plain = TorchEngine(linear, head, slots=MIN_SLOTS, device=_CPU)
    most = positions[-1] + _STEPS
    cached = CachedTransformer(sizes, head.n_params, most).eval()
    past = torch.randint(head.n_params, (most,))
    with _one_thread():
        curves = {
            "linear, native": _engine_cases(native, past, positions),
            "linear, torch": _engine_cases(plain, past, positions),
            "cache, native": [_window_case(windowed(n), head) for n in positions],
            "cache, torch": [
                _Case(lambda start=start: cached.play(_STEPS, start), _STEPS)
                for start in map(_start, positions)
            ],
        }
        prefixes = _prefixes(positions[-1])
        again = [_Case(lambda n=n: cached.whole(past[None, :n]), 1) for n in prefixes]
        cases = [*again, *(case for curve in curves.values() for case in curve)]
        for case in cases:
            case.run()
        for _ in range(rounds):
            for case in cases:
                case.measure()
    ms = {name: [_median(case) for case in curve] for name, curve in curves.items()}
    again_ms = [_median(case) for case in again]
    return {
        "cpu": processor(),
        "build": native.program.build,
        "parameters": {
            "linear": sum(p.numel() for p in linear.parameters()),
            "softmax": sum(p.numel() for p in cached.parameters()),
        },
        "rounds": rounds,
        "positions": list(positions),
        "ms": ms,
        "growth": {name: _growth(curve) for name, curve in curves.items()},
        "recompute": {"positions": prefixes, "ms": again_ms},
        "sequences": [
            _sequence(n, positions, ms, prefixes, again_ms) for n in PAPER if n <= positions[-1]
        ],
    }


def _engine_cases(engine: Engine, past: Tensor, positions: Sequence[int]) -> list[_Case]:
    """Voices that have heard the past, played on from there in every round."""
    voice, cases = engine.start(torch.tensor(0), 0), list[_Case]()
    for start in map(_start, positions):
        voice = engine.prime(voice, past[voice.position : start])
        cases.append(_Case(lambda voice=voice: engine.advance([voice], _STEPS), _STEPS))
    return cases


def _window_case(model: SequenceModel[Any], head: Head) -> _Case:
    """A step reads its whole window from the first on, so its cost does not depend on the past."""
    program = library.Program(lower(model, head).to_bytes())
    state = StateLayout(program.header).pack(model.eval().init_state(1))
    slot = library.Slot(state=state, event=np.zeros(1, program.event_type))
    runner = program.runner(1)
    return _Case(lambda: runner.advance([slot], _STEPS), _STEPS)


def _start(position: int) -> int:
    return max(0, position - _STEPS // 2)


def _prefixes(last: int) -> list[int]:
    """Lengths for which all is computed again: enough to sum over those in between."""
    most = max((n for n in PAPER if n <= last), default=min(last, min(PAPER)))
    return sorted({1, *(max(1, most >> i) for i in range(7))})


def _sequence(
    n_steps: int,
    positions: Sequence[int],
    ms: dict[str, list[float]],
    prefixes: Sequence[int],
    again_ms: Sequence[float],
) -> dict[str, Any]:
    """Seconds to draw `n_steps` symbols: costs between those measured lie on straight lines."""
    steps = np.arange(1, n_steps + 1)
    seconds = {
        name: float(np.interp(steps, positions, costs).sum()) / 1e3 for name, costs in ms.items()
    }
    seconds["recompute, torch"] = float(np.interp(steps, prefixes, again_ms).sum()) / 1e3
    return {
        "steps": n_steps,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "over_recompute": {
            kind: round(seconds["recompute, torch"] / seconds[f"linear, {kind}"], 1)
            for kind in ("native", "torch")
        },
        "over_cache": {
            kind: round(seconds[f"cache, {kind}"] / seconds[f"linear, {kind}"], 2)
            for kind in ("native", "torch")
        },
        "paper_over_recompute": PAPER[n_steps],
    }


def _median(case: _Case) -> float:
    return round(statistics.median(case.ms), 4)


def _growth(curve: Sequence[_Case]) -> float:
    """The last position's time over the first's, of the same round."""
    ratios = [b / a for a, b in zip(curve[0].ms, curve[-1].ms, strict=True)]
    return round(statistics.median(ratios), 3)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""Exact bits of given sequences: what a model would have paid to encode them.

Dimensions: T steps, E event shape, E' shape of a target, C condition channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from .domain import Split
from .engines.engine import Voice
from .engines.native_engine import NativeEngine
from .heads import Head, missing
from .model import SequenceModel

_WINDOW_STEPS = 8192  # scored at once; bounds the memory however long a sequence is

Read = Callable[[int, int], tuple[Tensor, Tensor | None]]
"""`(start, stop)` to the symbols `(T, *E)` and their conditions `(T, C)`, such as `Split.read`."""
Target = Callable[[int, int], Tensor | None]
"""`(start, stop)` to the targets `(T, *E')`, or None where those are the symbols, such as
`Split.target`.
"""


def n_scored(split: Split, index: int) -> int:
    """How many steps of a sequence are scored: those of which not all is missing."""
    length = int(split.lengths[index])
    target = split.target(index, 0, length)
    wanted = split.read(index, 0, length)[0] if target is None else target
    return int((~missing(wanted).reshape(length, -1).all(1)).sum()) if length else 0


def the_symbols(start: int, stop: int) -> None:
    """The `Target` of a sequence of which each symbol is to be predicted."""


def bits(
    model: SequenceModel[Any],
    head: Head,
    read: Read,
    length: int,
    *,
    lead_in: int,
    start: Tensor,
    start_cond: Tensor | None = None,
    static: Tensor | None = None,
    target: Target = the_symbols,
) -> Iterator[Tensor]:
    """Bits `(n,)` of symbols 0 .. length - 1, in pieces, each symbol given all those before it.

    Where there are targets, the bits are theirs: 0 where one is missing.

    The sequence is preceded by `lead_in` start symbols. A window is scored after a full receptive
    field, so the pieces are those of one pass over everything. A model whose receptive field
    is unbounded, or that looks ahead, gets everything in one window.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    reach = model.receptive_field
    reach = None if reach is None or model.looks_ahead else reach + model.cond_reach
    window = length if reach is None else _WINDOW_STEPS
    static_row = None if static is None else static[None].to(device)
    for first in range(0, length, max(window, 1)):
        stop = min(first + window, length)
        # Input i predicts symbol i + 1, so the window begins one reach before its first symbol.
        begin = -lead_in if reach is None else max(first - reach, -lead_in)
        x, cond = read(max(begin, 0), stop)
        n_start = max(-begin, 0)
        x = torch.cat([start.expand(n_start, *start.shape), x])
        if cond is not None and start_cond is not None:
            cond = torch.cat([start_cond.expand(n_start, -1), cond])[None, 1:].to(device)
        x = x[None].to(device)
        with torch.inference_mode():
            ahead = None if cond is None else model.look_ahead(cond)
            params = model.tail(x[:, :-1], stop - first, ahead, static_row)
            wanted = target(first, stop)
            wanted = x[0, first - stop :] if wanted is None else wanted.to(device)
            nats = head.nll(params[0], wanted)
        yield (nats / math.log(2)).cpu().clone()


def bits_by_steps(
    engine: NativeEngine,
    head: Head,
    read: Read,
    length: int,
    voice: Voice,
    target: Target = the_symbols,
) -> Iterator[Tensor]:
    """The same from the parameters that the native engine plays with, in its precision.

    `voice` stands at the beginning of the sequence. Memory is bounded for every model.
    """
    for first in range(0, length, _WINDOW_STEPS):
        stop = min(first + _WINDOW_STEPS, length)
        x, cond = read(first, stop)
        params, voice = engine.follow(voice, x, cond)
        wanted = target(first, stop)
        with torch.inference_mode():
            nats = head.nll(params, x if wanted is None else wanted)
        yield (nats / math.log(2)).clone()

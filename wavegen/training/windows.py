"""Windows of sequences: a lead-in that fills the receptive field, then the steps that are scored.

Before its first symbol every sequence is preceded by start symbols, in training as in playing, so
that a window at the very beginning is a window like any other.

Dimensions: B batch, T = lead-in + W - 1 steps that go in, W steps that are scored, E event shape,
E' shape of a target, C condition channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..domain import Domain, Split
from ..heads import MISSING_CLASS, missing


@dataclass(frozen=True)
class Batch:
    """What goes in, what is to be predicted, and which of it counts."""

    x: Tensor
    """`(B, T, *E)` symbols that go in."""
    target: Tensor
    """`(B, W, *E')` what to predict from the last W steps of x: mostly the symbols."""
    weight: Tensor
    """`(B, W)` 1 where a target is real, 0 where it is missing or beyond the end of a sequence."""
    cond: Tensor | None
    """`(B, T, C)`; row t belongs to the symbol that step t predicts."""
    static: Tensor | None
    """`(B,)` or `(B, D)`."""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""

        def move(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=True)

        return Batch(
            self.x.to(device, non_blocking=True),
            self.target.to(device, non_blocking=True),
            self.weight.to(device, non_blocking=True),
            move(self.cond),
            move(self.static),
        )


class Windows:
    """Windows of one split, at random or end to end."""

    def __init__(self, domain: Domain[Any], split: Split, lead_in: int, window: int) -> None:
        self.domain, self.split = domain, split
        self.lead_in, self.window = lead_in, window
        self._lengths = np.asarray(split.lengths)
        # A window takes all of a short sequence, of a long one only its share.
        self._ends = np.where(self._lengths > 0, np.maximum(self._lengths, window), 0).cumsum()

    def random(self, batch: int, key: Sequence[int]) -> Batch:
        """A batch that depends on `key` alone: resuming needs no record of what was drawn.

        Sequences are chosen so that the symbols of each are seen as often. A window may begin half
        of itself before the first or end half of itself after the last symbol, and is then pushed
        inside: so the edges of a sequence are seen as often as its middle.
        """
        rng = np.random.default_rng(list(key))
        where = rng.integers(self._ends[-1], size=batch)
        indices = np.searchsorted(self._ends, where, side="right")
        half = self.window // 2
        rows: list[tuple[int, int]] = []
        for index in indices:
            last = max(0, int(self._lengths[index]) - self.window)
            start = rng.integers(-half, last + half + 1)
            rows.append((int(index), int(np.clip(start, 0, last))))
        return self.at(rows)

    def all(self, batch: int) -> Iterator[Batch]:
        """Every symbol of the split once, in order."""
        yield from self._batches(self._rows(), batch)

    def spread(self, batch: int, n_steps: int) -> Iterator[Batch]:
        """About `n_steps` symbols in windows spread evenly over the split, always the same."""
        rows = self._rows()
        count = min(len(rows), max(1, round(n_steps / self.window)))
        yield from self._batches([rows[i * len(rows) // count] for i in range(count)], batch)

    def at(self, rows: Sequence[tuple[int, int]]) -> Batch:
        """The windows whose first scored symbols are the given (sequence, position)."""
        columns = zip(*(self._row(index, start) for index, start in rows), strict=True)
        symbols, targets, weights, conds, statics = columns
        x = torch.stack(symbols)
        has_cond, has_static = conds[0] is not None, statics[0] is not None
        return Batch(
            x[:, :-1],
            torch.stack(targets),
            torch.stack(weights),
            torch.stack(conds)[:, 1:] if has_cond else None,
            torch.stack(statics) if has_static else None,
        )

    def _rows(self) -> list[tuple[int, int]]:
        """Windows end to end: (sequence, position) of each."""
        return [
            (index, start)
            for index, length in enumerate(self._lengths)
            for start in range(0, int(length), self.window)
        ]

    def _batches(self, rows: Sequence[tuple[int, int]], batch: int) -> Iterator[Batch]:
        for first in range(0, len(rows), batch):
            yield self.at(rows[first : first + batch])

    def _row(
        self, index: int, start: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
        """Symbols `(T + 1, *E)`, targets, weights, conditions `(T + 1, C)`, static condition."""
        begin, stop = start - self.lead_in, min(start + self.window, int(self._lengths[index]))
        x, cond = self.split.read(index, max(begin, 0), stop)
        before, after = max(-begin, 0), start + self.window - stop
        symbol = self.domain.start
        x = torch.cat(
            [symbol.expand(before, *symbol.shape), x, symbol.expand(after, *symbol.shape)]
        )
        if cond is not None:
            quiet = self.domain.start_cond
            cond = torch.cat([quiet.expand(before, -1), cond, quiet.expand(after, -1)])
        target = self.split.target(index, start, stop)
        if target is None:
            target = x[self.lead_in :]
        else:
            target = torch.cat([target, _nothing(target).expand(after, *target.shape[1:])])
        scored = ~missing(target).reshape(self.window, -1).all(1)
        weight = F.pad(scored[: stop - start].float(), (0, after))
        return x, target, weight, cond, self.split.static(index)


def _nothing(target: Tensor) -> Tensor:
    """A missing value `()` of the target's type."""
    return target.new_tensor(math.nan if target.is_floating_point() else MISSING_CLASS)

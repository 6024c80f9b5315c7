"""How likely a model finds sequences: in one parallel pass, or step by step as it is played.

Dimensions: T steps, E event shape, C condition channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .beginnings import Beginnings
from .conditioning import Conditioning
from .domain import Domain, Split
from .engines.native_engine import NativeEngine
from .heads import Head
from .model import SequenceModel
from .scoring import Read, Target, bits, bits_by_steps, the_symbols


class Scorer:
    """Of one model; `stepwise` is what plays it in a precision that only steps have."""

    def __init__(
        self,
        model: SequenceModel[Any],
        head: Head,
        domain: Domain[Any],
        conditioning: Conditioning,
        lead_in: int,
        stepwise: tuple[NativeEngine, Beginnings] | None,
    ) -> None:
        self._model, self._head, self._domain = model, head, domain
        self._conditioning, self._lead_in, self._stepwise = conditioning, lead_in, stepwise

    def symbols(self, x: Tensor, cond: Tensor | None, static: Tensor | None) -> Tensor:
        """Bits `(T,)` of symbols `(T, *E)` with conditions `(T, C)`."""
        return torch.cat([torch.zeros(0), *self._bits(_reading(x, cond), len(x), static)])

    def split(self, split: Split) -> list[float]:
        """All bits of each sequence of a split, or of its targets, where it has any."""
        return [
            sum(
                float(piece.double().sum())
                for piece in self._bits(
                    partial(split.read, index),
                    length,
                    split.static(index),
                    partial(split.target, index),
                )
            )
            for index, length in enumerate(split.lengths.tolist())
        ]

    def _bits(
        self, read: Read, length: int, static: Tensor | None, target: Target = the_symbols
    ) -> Iterator[Tensor]:
        domain = self._domain
        if self._stepwise is not None:
            engine, beginnings = self._stepwise
            lead = None
            if self._model.looks_ahead and domain.cond_channels:
                x, cond = read(0, length)
                lead, cond = self._conditioning.ahead(cond)
                read = _reading(x, cond)
            begun = beginnings.begun(static, lead)
            return bits_by_steps(engine, self._head, read, length, begun, target)
        return bits(
            self._model,
            self._head,
            read,
            length,
            lead_in=self._lead_in,
            start=domain.start,
            start_cond=domain.start_cond if domain.cond_channels else None,
            static=static,
            target=target,
        )


def _reading(x: Tensor, cond: Tensor | None) -> Read:
    """Windows of symbols and conditions that lie in memory."""

    def read(start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        return x[start:stop], None if cond is None else cond[start:stop]

    return read

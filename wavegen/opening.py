"""What a stream begins with: a voice, and what is known of the steps to come.

Dimensions: T steps, E event shape, C' condition channels of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import torch
from torch import Tensor

from .conditioning import Rows
from .controls import Controls
from .domain_player import Symbols
from .engines.engine import Voice
from .errors import CheckpointError
from .session_file import Kept

_ROWS, _MEMORY = "rows", "decoder."


class Asked(TypedDict, total=False):
    """What can be asked of a stream."""

    seconds: float | None
    steps: int | None
    """Its length, given in one of the two ways; the prime counts."""
    seed: int
    controls: Controls
    prime: Any
    """A raw sequence, or a `Given`, that it begins with."""
    prime_seconds: float | None
    prime_bars: int | None
    """How much of the prime, from its start, in one of the two ways."""
    follow: Iterable[Any] | None
    """Raw pieces of a sequence to speak anew."""
    plan: Any
    """The domain's own dataclass of what can be asked for."""
    label: str | None


class AskedOnwards(TypedDict, total=False):
    """What can be asked of a stream that goes on where another was kept."""

    seconds: float | None
    steps: int | None
    """Its length from there, given in one of the two ways."""
    seed: int | None
    """Another one makes it go on otherwise."""
    controls: Controls | None


@dataclass(frozen=True)
class Opening:
    """A stream before its first step; it is used once, since rows are."""

    voice: Voice
    """Everything that was given is behind it."""
    given: Tensor
    """Symbols `(T, *E)` that the stream begins with, right before the voice."""
    rows: Rows | None
    """Conditions `(T, C')` of the steps to come, as they come."""
    length: int | None
    """Symbols of the whole sequence, the given ones included; None is without end."""
    memory: Mapping[str, Symbols] | None = None
    """What the decoder remembers, where this goes on from another stream."""

    def twins(self) -> Callable[[int], Opening]:
        """The same beginning with any seed, as often as it is wanted; this one is used up."""
        rows = None if self.rows is None else self.rows.rest()

        def twin(seed: int) -> Opening:
            own = None if rows is None else Rows([rows])
            return replace(self, voice=replace(self.voice, seed=seed), rows=own)

        return twin


def kept(opening: Opening) -> Kept:
    """The stream that would begin so, to be kept, which uses the opening up."""
    memory = opening.memory or {}
    beside = {f"{_MEMORY}{name}": torch.from_numpy(array) for name, array in memory.items()}
    if opening.rows is not None:
        beside[_ROWS] = opening.rows.rest()
    return Kept(opening.voice, beside)


def opening_of(found: Kept, given: Tensor, n_cond: int, length: int | None) -> Opening:
    """How a stream goes on that was kept; `given` holds no symbol, and `n_cond` is C'.

    Raises `CheckpointError` where its conditions are not those of the model.
    """
    beside = dict(found.beside)
    rows = beside.pop(_ROWS, None)
    if (n_cond > 0) != (rows is not None):
        raise CheckpointError(
            "the session was not kept by a stream; resume it with TrainedModel.resume"
        )
    if rows is not None and (
        rows.ndim != 2 or rows.shape[1] != n_cond or not rows.isfinite().all()
    ):
        raise CheckpointError(
            f"the session has conditions {tuple(rows.shape)}; this model takes {n_cond} channels, "
            "all of them finite"
        )
    memory = {
        name.removeprefix(_MEMORY): array.numpy()
        for name, array in beside.items()
        if name.startswith(_MEMORY)
    }
    rows_to_come = None if rows is None else Rows([rows.float()])
    return Opening(found.voice, given, rows_to_come, length, memory or None)

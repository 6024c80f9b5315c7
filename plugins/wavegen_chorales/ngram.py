"""What any trained model must beat: counts of notes in six contexts, the longest known one first.

Each voice in turn, as `Chain` draws them. A context that was seen gives its counts less a discount
to each note seen in it; what the discounts leave over goes to the next shorter context (absolute
discounting with back-off, Ney, Essen and Kneser 1994).

Dimensions: T steps of all sequences together; 4 values, in drawing order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_DISCOUNT = 0.85
_AGE_EDGES = np.array([1, 2, 3, 4, 6, 8, 12, 16])
_BEAT = 4


def nats_per_note(train: Sequence[Ints], scored: Sequence[Ints], n_classes: int) -> float:
    """Mean of -log p over all notes of `scored`, counting in `train`; each `(T, 4)`."""
    seen, asked = _Steps(train), _Steps(scored)
    return float(np.mean([_voice(seen, asked, value, n_classes) for value in range(4)]))


class _Steps:
    """Sequences end to end, and what is known before each of their steps."""

    def __init__(self, sequences: Sequence[Ints]) -> None:
        self.now = np.concatenate(sequences)
        self.before = np.concatenate([_delayed(events) for events in sequences])
        self.beat = np.concatenate([np.arange(len(events)) % _BEAT for events in sequences])
        spans = [_spans(events) for events in sequences]
        self.age = np.concatenate([age for age, _ in spans])
        """`(T, 4)` steps that the last note has lasted."""
        self.earlier = np.concatenate([earlier for _, earlier in spans])
        """`(T, 4)` the note before the last one."""

    def contexts(self, value: int) -> list[list[Ints]]:
        """Columns `(T,)` of each context of a value, the shortest first."""
        own, age = self.before[:, value], self.age[:, value]
        now, before = list(self.now[:, :value].T), list(self.before.T)
        moved = [(self.now[:, k] != self.before[:, k]).astype(np.int64) for k in range(value)]
        span = np.searchsorted(_AGE_EDGES, age)
        shortest = self.age.min(axis=1)
        return [
            [own, self.beat, np.minimum(age, 4), *moved],
            [own, self.beat, *now],
            [own, self.beat, *now, span, self.earlier[:, value]],
            [*before, self.beat, *now, np.minimum(shortest, 2)],
            [*before, self.beat, *now, np.minimum(shortest, 4), *self.earlier.T],
            [*before, self.beat, *now, *np.minimum(self.age, 4).T, *self.earlier.T],
        ]


def _voice(seen: _Steps, asked: _Steps, value: int, n_classes: int) -> float:
    """Mean -log p of one value."""
    known, target = seen.now[:, value], asked.now[:, value]
    counts = np.bincount(known, minlength=n_classes) + 0.5
    p = (counts / counts.sum())[target]
    for context, wanted in zip(seen.contexts(value), asked.contexts(value), strict=True):
        p = _backed_off(p, _key(context), known, _key(wanted), target, n_classes)
    return float(-np.log(p).mean())


def _backed_off(
    p: npt.NDArray[np.float64],
    context: Ints,
    known: Ints,
    wanted: Ints,
    target: Ints,
    n_classes: int,
) -> npt.NDArray[np.float64]:
    """p of each target in its context, where that was seen; else as it was."""
    contexts, place, total = np.unique(context, return_inverse=True, return_counts=True)
    pairs, count = np.unique(place * n_classes + known, return_counts=True)
    kinds = np.bincount(pairs // n_classes, minlength=len(contexts))
    at, is_seen = _found(contexts, wanted)
    pair, is_known = _found(pairs, at * n_classes + target)
    found = np.where(is_known, count[pair], 0)
    discounted = np.maximum(found - _DISCOUNT, 0) + _DISCOUNT * kinds[at] * p
    return np.where(is_seen, discounted / total[at], p)


def _found(table: Ints, keys: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Where each key stands, or would stand, in a sorted table, and whether it is there."""
    place = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return place, table[place] == keys


def _key(columns: Sequence[Ints]) -> Ints:
    """One number for each row: 64 bits, so that different rows hardly ever meet (Knuth's MMIX)."""
    key = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        key = key * np.uint64(6364136223846793005) + column.astype(np.uint64)
        key += np.uint64(1442695040888963407)
        key ^= key >> np.uint64(29)
    return key.astype(np.int64)


def _delayed(events: Ints) -> Ints:
    """Each step's predecessor; silence before the first."""
    return np.vstack([np.zeros((1, 4), np.int64), events[:-1]])


def _spans(events: Ints) -> tuple[Ints, Ints]:
    """Before each step: how long each voice's note has lasted, and which note came before it."""
    steps = np.arange(len(events))[:, None]
    begins = events != _delayed(events)
    began = np.maximum.accumulate(np.where(begins, steps, 0))
    earlier = np.take_along_axis(_delayed(events), began, axis=0)
    return _delayed(steps - began + 1), _delayed(earlier)

"""What a model must beat: statistics of the training set, scored on the validation set.

    uniform   every class alike
    order-0   how often each class occurs
    order-1   how often each class follows each other one

Dimensions: T steps, N classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..domain import Split
from ..heads import Head

_MOST_STEPS = 20_000_000  # of each split: statistics do not change after that
_MOST_CLASSES = 4096  # N x N pairs are counted
_BLOCK = 1_000_000


def baselines(head: Head, train: Split, valid: Split) -> dict[str, float]:
    """Bits per symbol of each baseline; empty for symbols that have none."""
    n = head.n_classes
    if n is None or n > _MOST_CLASSES or head.event_shape:
        return {}
    pairs = np.zeros(n * n, dtype=np.int64)
    for x in _blocks(train):
        pairs += np.bincount(x[:-1] * n + x[1:], minlength=n * n)
    pairs = pairs.reshape(n, n)
    singles = pairs.sum(0)
    order_0 = (singles + 0.5) / (singles.sum() + 0.5 * n)
    # A row that was hardly seen falls back on order 0 (Laplace with the prior order_0).
    order_1 = (pairs + order_0) / (pairs.sum(1, keepdims=True) + 1.0)
    cost_0, cost_1, count = 0.0, 0.0, 0
    for x in _blocks(valid):
        cost_0 -= np.log2(order_0[x[1:]]).sum()
        cost_1 -= np.log2(order_1[x[:-1], x[1:]]).sum()
        count += len(x) - 1
    if count == 0:
        return {"uniform": math.log2(n)}
    return {"uniform": math.log2(n), "order-0": cost_0 / count, "order-1": cost_1 / count}


def _blocks(split: Split) -> Iterator[npt.NDArray[np.int64]]:
    """Stretches of symbols that overlap by one, so that every pair is seen once."""
    seen = 0
    for index, length in enumerate(split.lengths):
        for start in range(0, max(int(length) - 1, 0), _BLOCK):
            if seen >= _MOST_STEPS:
                return
            x, _ = split.read(index, start, min(start + _BLOCK + 1, int(length)))
            seen += len(x)
            yield x.numpy()

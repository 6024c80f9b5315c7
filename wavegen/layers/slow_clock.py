"""Parts of a net that run at every n-th step only, and keep what they have in between.

Dimensions: T time, B batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from .. import state as trees

Tree = TypeVar("Tree")


def first_turn(clock: int, period: int) -> int:
    """The first of the steps from `clock` on that is a multiple of `period`, counted from there."""
    return -clock % period


def held(before: Tensor, turns: Tensor, first: int, period: int, n_steps: int) -> Tensor:
    """What stands after each of `n_steps` steps `(T, B, ...)`.

    `before` `(B, ...)` stands until the first turn, `turns` `(N, B, ...)` is what each turn left.
    """
    values = torch.cat([before[None], turns])
    steps = torch.arange(n_steps, device=before.device)
    return values[1 + torch.div(steps - first, period, rounding_mode="floor")]


def prefill_by_clock(
    run: Callable[[int, Tensor, Tree, Tensor | None], tuple[Tensor, Tree]],
    clock: Tensor,
    x: Tensor,
    state: Tree,
    cond: Tensor | None,
) -> tuple[Tensor, Tree]:
    """`run(clock, x, state, cond)` for all voices of one age at a time: their turns coincide."""
    ages: list[int] = clock.unique().tolist()
    if len(ages) == 1:
        return run(ages[0], x, state, cond)
    groups = [(clock == age).nonzero()[:, 0] for age in ages]
    done = [
        run(age, x[rows], trees.select(state, rows), None if cond is None else cond[rows])
        for age, rows in zip(ages, groups, strict=True)
    ]
    order = torch.cat(groups).argsort()
    merged: Any = trees.merge([after for _, after in done])
    return torch.cat([out for out, _ in done])[order], trees.select(merged, order)

"""Bricks: functions that stay one node when a step is exported, and are plain calls elsewhere.

A node that is one operation in the native core need not be recognised among dozens of small ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def brick(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function of tensors and numbers the operation `wavegen::NAME` of exported graphs.

    The function must be pure: it writes into nothing, and what it returns shares no memory with
    what it was given.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        operation = torch.library.custom_op(f"wavegen::{name}", function, mutates_args=())
        operation.register_fake(function)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            chosen = operation if torch.compiler.is_exporting() else function
            return chosen(*args, **kwargs)

        return call

    return decorate

"""Missing values: how they are written, and what takes their place in a computation."""

from __future__ import annotations

from torch import Tensor

MISSING_CLASS = -1
"""Stands for a missing value among classes, as NaN does among real values."""


def missing(x: Tensor) -> Tensor:
    """Which values are missing: of any shape, to truth values of the same shape."""
    return x.isnan() if x.is_floating_point() else x == MISSING_CLASS


def filled(x: Tensor) -> tuple[Tensor, Tensor]:
    """x with 0, or class 0, in place of what is missing; and which values that are.

    A loss at the place of a missing value must be finite before it is set to 0, for its gradient
    is 0 times what it would have been.
    """
    absent = missing(x)
    return x.masked_fill(absent, 0), absent

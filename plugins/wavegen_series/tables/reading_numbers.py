"""Numbers as text: what counts as one, and what counts as missing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from ..series import Numbers

_MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "nat", "null", "nil", "none", "<na>"})
_TRUTH = {"true": 1.0, "false": 0.0}  # how pandas writes a column of truth values
_NUMBER = {
    mark: re.compile(rf"[+-]?(\d+({mark}\d*)?|{mark}\d+)([eE][+-]?\d+)?", re.ASCII)
    for mark in (r"\.", ",")
}


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return not cell or cell.lower() in _MISSING


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether a cell is a number; infinity is none."""
    pattern = _NUMBER["," if decimal == "," else r"\."]
    return cell.lower() in _TRUTH or pattern.fullmatch(cell) is not None


def numbers(cells: Sequence[str], decimal: str = ".") -> Numbers:
    """`(R,)`; NaN is missing. Raises `ValueError` with the index of a cell that is no number."""
    if decimal == ".":
        try:
            values = np.array([float(cell) if cell else math.nan for cell in cells])
        except ValueError:
            pass
        else:  # float() takes "1_0", "inf" and "nan" too
            if np.isfinite(values).all() and not any("_" in cell for cell in cells):
                return values
    return np.array([_number(i, cell, decimal) for i, cell in enumerate(cells)])


def _number(index: int, cell: str, decimal: str) -> float:
    if is_missing(cell):
        return math.nan
    if not is_number(cell, decimal):
        raise ValueError(index)
    value = _TRUTH.get(cell.lower())
    value = float(cell.replace(",", ".")) if value is None else value
    if math.isinf(value):  # 1e999
        raise ValueError(index)
    return value

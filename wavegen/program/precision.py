"""A program's matrices in fewer bits: bfloat16, or int8 with a scale a row.

In int8 the matrices that make the head's parameters stay in bfloat16: logits take rounding worse
than anything else. On a WaveNet of 0.4 M weights, with 5 % of them there, that was four fifths of
what int8 cost in bits.

Dimensions: N rows (outputs), K columns (inputs).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from .program import Precision, Program

_INT8_MAX = 127  # not -128, so that a row and its negative have the same bits


def precision_of(name: str) -> Precision:
    """The precision of that name."""
    for known in get_args(Precision):
        if name == known:
            return known
    raise ConfigError(f"precision is {name!r}; it must be {', '.join(get_args(Precision))}")


def with_precision(program: Program, precision: Precision) -> Program:
    """The same program with its float32 matrices in that precision (int8: but for the last)."""
    if program.precision == precision:
        return program
    if program.precision != "float32":
        raise ConfigError(
            f"the program is in {program.precision} already; make it anew for {precision}"
        )
    tensors: dict[str, npt.NDArray[Any]] = dict(program.tensors)
    last = _last(program)
    for name, matrix in program.weights.items():
        if precision == "bfloat16" or name == last:
            tensors[f"weight/{name}"] = to_bfloat16(matrix)
        else:
            tensors[f"weight/{name}"], tensors[f"scale/{name}"] = to_int8(matrix)
    return replace(program, tensors=tensors)


def _last(program: Program) -> str | None:
    """The weight of the product that writes the head's parameters, or that of the last product."""
    space, _, start, (n,), _ = program.header["outputs"]["params"]
    products = [op for op in program.header["ops"] if op["op"] == "product"]
    # In reverse, because earlier in a step that memory may hold something else.
    for op in reversed(products):
        if op["out"][0] == space and start <= op["out"][2] < start + 4 * n:
            return op["weight"]
    return products[-1]["weight"] if products else None


def to_bfloat16(x: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """The upper halves, rounded to nearest, ties to even; of any shape. NaN stays NaN."""
    words = np.ascontiguousarray(x, np.float32).view(np.uint32)
    # In uint64, since the words of a negative NaN would run over; a sum moves no NaN to a number.
    rounded = words.astype(np.uint64) + 0x7FFF + ((words >> 16) & 1)
    quiet_nan = (words >> 16) | 0x40
    return np.where(np.isnan(x), quiet_nan, rounded >> 16).astype(np.uint16)


def to_int8(
    x: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """`(N, K)` to whole numbers `(N, K)` and the step `(N)` of each row."""
    largest = np.abs(x).max(axis=1, initial=0)
    scale = (largest / np.float32(_INT8_MAX)).astype(np.float32)
    steps = np.where(scale > 0, scale, np.float32(1))  # a row of zeros, or of next to nothing
    numbers = np.clip(np.rint(x / steps[:, None]), -_INT8_MAX, _INT8_MAX)
    return numbers.astype(np.int8), scale

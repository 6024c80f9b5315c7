"""How far the vector functions are from the truth, in every build that this processor runs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from cpp_tests import BUILDS
from numpy.typing import NDArray

from wavegen.native.library import unary

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Every 977th float: of all exponents and signs, with denormals, and the odd ones by hand.
GRID = np.arange(0, 2**32, 977, dtype=np.uint64).astype(np.uint32).view(np.float32)
GRID = np.concatenate(
    [GRID[np.isfinite(GRID)], np.linspace(-20, 20, 400_001, dtype=np.float32)]
).astype(np.float32)
ODD = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3.4e38, -3.4e38], np.float32)


def sigmoid(x: Doubles) -> Doubles:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def ulps(found: Floats, true: Doubles) -> Doubles:
    """Distance in units of the last place of the true value, rounded to float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        near = true.astype(np.float32)
        unit = np.spacing(np.abs(near)).astype(np.float64)
        both_infinite = np.isinf(near) & (found == near)
        return np.where(both_infinite, 0.0, np.abs(found.astype(np.float64) - true) / unit)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    ("name", "true", "bound"),
    [("exp", np.exp, 1.0), ("tanh", np.tanh, 2.3), ("sigmoid", sigmoid, 2.3)],
)
def test_the_gates_functions_are_close(
    build: str, name: str, true: Callable[[Doubles], Doubles], bound: float
) -> None:
    with np.errstate(over="ignore"):
        truth = true(GRID.astype(np.float64))
    error = ulps(unary(build, name, GRID), truth)
    worst = int(np.argmax(error))
    assert error[worst] <= bound, f"{name}({GRID[worst]!r}) is {error[worst]:.2f} ulp off"


@pytest.mark.parametrize("build", BUILDS)
def test_odd_values(build: str) -> None:
    inf, nan = math.inf, math.nan
    for name, expected in {
        "exp": [1, 1, inf, 0, nan, 1, 1, inf, 0],
        "tanh": [0, -0.0, 1, -1, nan, 1e-45, -1e-45, 1, -1],
        "sigmoid": [0.5, 0.5, 1, 0, nan, 0.5, 0.5, 1, 0],
    }.items():
        found = unary(build, name, ODD)
        assert np.array_equal(found, np.array(expected, np.float32), equal_nan=True), (name, found)

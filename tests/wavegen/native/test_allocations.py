"""Once it steps, the core allocates nothing and takes no lock."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cpp_tests import NATIVE, compiler, run
from toy_program import N_COND, toy_program

from wavegen.native.binding import PLACE
from wavegen.program.program import Precision


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that counts, linked to the library that ships."""
    if sys.platform != "linux":
        pytest.skip("stands between the core and glibc")
    path = tmp_path_factory.mktemp("counter") / "count_allocations"
    source = NATIVE / "tests" / "count_allocations.cpp"
    link = [PLACE, f"-Wl,-rpath,{PLACE.parent}", "-ldl", "-pthread"]
    run(compiler(), "-std=c++17", "-O1", "-I", NATIVE, source, "-o", path, *link)
    return path


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_nothing_is_allocated_or_locked(
    counter: Path, tmp_path: Path, precision: Precision
) -> None:
    path = tmp_path / "toy.program"
    toy_program(precision).write(path)
    run(counter, path, str(N_COND))

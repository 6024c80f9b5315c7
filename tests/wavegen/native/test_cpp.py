"""The core's own C++ tests: under sanitizers, at full speed, and for ARM where that can be run."""

from __future__ import annotations

from pathlib import Path

import pytest
from cpp_tests import BUILDS, NATIVE, build, needs, run

SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}

pytestmark = pytest.mark.timeout(1200)  # compiling takes its time where others use the cores too


def kernels_of_this_processor(folder: Path) -> list[Path]:
    """The test programs of the kernels that can be run here."""
    found = [path for name in BUILDS if (path := folder / f"test_kernels_{name}").exists()]
    assert found
    return found


def test_kernels_and_runtime_are_clean(sanitized: Path) -> None:
    for program in [*kernels_of_this_processor(sanitized), sanitized / "test_runtime"]:
        run(program, **SANITIZERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["g++", "clang++"])
def test_kernels_and_runtime_are_right_at_full_speed(name: str) -> None:
    """Every build this processor runs, by both compilers, which have nothing to warn of."""
    needs(name)
    options = [f"-DCMAKE_CXX_COMPILER={name}", "-DCMAKE_CXX_FLAGS=-Werror"]
    folder = build(f"native-{name}", *options)
    for program in [*kernels_of_this_processor(folder), folder / "test_runtime"]:
        run(program)


@pytest.mark.slow
def test_kernels_and_runtime_are_right_on_arm() -> None:
    needs("aarch64-linux-gnu-g++", "qemu-aarch64")
    folder = build(
        "native-arm",
        "-DCMAKE_SYSTEM_NAME=Linux",
        "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++",
        "-DCMAKE_EXE_LINKER_FLAGS=-static",
    )
    for program in ("test_kernels_neon", "test_runtime"):
        run("qemu-aarch64", folder / program)


def test_code_for_one_processor_stays_in_its_build() -> None:
    """The linker keeps one copy of an inline function, so that of a shared one may be any build's.

    A baseline processor would stop at the instructions of a better one.
    """
    needs("nm")
    objects = sorted(NATIVE.glob("CMakeFiles/core_*.dir/isa.cpp.o"))
    if not objects:
        pytest.skip("needs an editable install, which keeps its object files")
    for path in objects:
        build = path.parent.stem.removeprefix("core_")
        for line in run("nm", "--demangle", "--defined-only", path).splitlines():
            kind, name = line[17:18], line[19:]
            if kind in "WVu":
                assert f"wg::{build}::" in name, f"{build} shares {name}"

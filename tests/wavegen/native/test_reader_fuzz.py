"""Whatever a program file holds, the core refuses it in one line or plays it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from cpp_tests import run
from mutations import mutations
from toy_program import toy_program

from wavegen.errors import ProgramError
from wavegen.native.library import Program, Slot, aligned
from wavegen.program.program import Precision

MOST = 1 << 22


def fuzz(fuzz_reader: Path, precision: Precision, n: int, seed: int) -> tuple[int, int, int]:
    """How many were refused, opened and played."""
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [fuzz_reader], stdin=pipe, stdout=pipe, stderr=pipe, env=environment
    ) as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            for content in mutations(toy_program(precision), n, seed):
                process.stdin.write(len(content).to_bytes(8, "little") + content)
        said, error = process.communicate()
    assert process.returncode == 0, f"{said.decode()}\n{error.decode()[-6000:]}"
    refused, opened, played = map(int, said.split())
    return refused, opened, played


pytestmark = pytest.mark.timeout(1200)  # compiling comes first
PRECISIONS = get_args(Precision)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_damaged_files_do_no_harm(sanitized: Path, precision: Precision) -> None:
    refused, opened, played = fuzz(sanitized / "fuzz_reader", precision, 1000, seed=1)
    assert refused > 1000
    assert opened > 100
    assert played > 50


@pytest.mark.slow
def test_many_damaged_files_do_no_harm(sanitized: Path) -> None:
    for seed in range(2, 26):
        fuzz(sanitized / "fuzz_reader", PRECISIONS[seed % 3], 3000, seed)


def attempt(seed: int, seconds: float) -> None:
    """Open and play damaged files through the binding."""
    end = time.monotonic() + seconds
    for content in mutations(toy_program("bfloat16"), 400, seed):
        try:
            program = Program(content)
            size = program.header["event"]["size"]
            shapes = (size, program.header["n_params"], program.header["cond_channels"])
            if max(*shapes, program.state_bytes, program.header["scratch_bytes"]) > MOST:
                continue
            slots = [
                Slot(
                    state=aligned(program.state_bytes),
                    event=np.zeros(size, program.event_type),
                    cond=np.zeros((3, shapes[2]), np.float32) if shapes[2] else None,
                    params=np.zeros((3, shapes[1]), np.float32),
                )
                for _ in range(3)
            ]
            program.runner(2).advance(slots, 3)
        except ProgramError as error:
            if len(str(error).splitlines()) != 1:
                raise RuntimeError("a refusal must be one line") from error
        if time.monotonic() > end:
            break


def test_the_binding_meets_damaged_files() -> None:
    """In a process of its own, so that a crash is a failure and not the end of the tests."""
    here = str(Path(__file__).parent)
    code = (
        f"import sys; sys.path.insert(0, {here!r}); import test_reader_fuzz as t; t.attempt(7, 10)"
    )
    run(sys.executable, "-c", code)

"""Whatever a program file holds, the core refuses it in one line or plays it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cpp_tests import run
from mutations import mutations
from toy_program import toy_program

from wavegen.errors import ProgramError
from wavegen.native.library import Program, Slot, aligned

ASAN = "detect_leaks=1"
MOST = 1 << 22


def corpus(n: int, seed: int) -> Iterator[bytes]:
    """Each file behind its length."""
    for content in mutations(toy_program("float32"), n, seed):
        yield len(content).to_bytes(8, "little") + content


def fuzz(fuzz_reader: Path, folder: Path, n: int, seed: int) -> tuple[int, int, int]:
    """How many were refused, opened and played."""
    path = folder / "corpus"
    with path.open("wb") as file:
        file.writelines(corpus(n, seed))
    refused, opened, played = run(fuzz_reader, path, ASAN_OPTIONS=ASAN).split()
    path.unlink()
    return int(refused), int(opened), int(played)


def test_damaged_files_do_no_harm(sanitized: Path, tmp_path: Path) -> None:
    assert fuzz(sanitized / "fuzz_reader", tmp_path, 0, seed=1)[2] >= 1  # the whole file plays
    refused, opened, played = fuzz(sanitized / "fuzz_reader", tmp_path, 2000, seed=1)
    assert refused > 1500
    assert opened > 100
    assert played > 50


@pytest.mark.slow
def test_many_damaged_files_do_no_harm(sanitized: Path, tmp_path: Path) -> None:
    for seed in range(2, 12):
        fuzz(sanitized / "fuzz_reader", tmp_path, 4000, seed)


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

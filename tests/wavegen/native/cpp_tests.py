"""Builds the C++ test programs of the native core and runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from wavegen.native import binding

NATIVE = Path(binding.__file__).parent
CHECKOUT = NATIVE.parents[1]


def _builds() -> tuple[str, ...]:
    try:
        return binding.builds()
    except binding.NativeUnavailable:
        return ()


BUILDS = _builds()
"""Builds of the kernels that this processor runs, best first; none where there is no core."""


def needs(*tools: str) -> None:
    """Skip where a tool is missing."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def compiler() -> str:
    """The C++ compiler."""
    named = os.environ.get("CXX")
    found = [name for name in (named, "c++", "g++", "clang++") if name and shutil.which(name)]
    if not found:
        pytest.skip("needs a C++ compiler")
    return found[0]


def run(*command: str | Path, **environment: str) -> str:
    """What it prints; where it fails, the test shows the end of it."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def build(name: str, *options: str) -> Path:
    """The folder of the C++ test programs, in `build/NAME` of the checkout; built or brought up."""
    needs("cmake")
    folder = CHECKOUT / "build" / name
    folder.mkdir(parents=True, exist_ok=True)
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    with FileLock(folder / ".lock"):  # each of several test workers wants it
        run("cmake", "-S", NATIVE, "-B", folder, *generator, "-DWAVEGEN_TESTS=ON", *options)
        run("cmake", "--build", folder, "--parallel", "2")
    return folder / "tests"

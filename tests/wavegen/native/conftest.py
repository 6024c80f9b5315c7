"""What tests of the native core share: that it is there, and its C++ test programs, built once."""

from __future__ import annotations

from pathlib import Path

import pytest
from cpp_tests import BUILDS, build, compiler

from wavegen.native import binding


@pytest.fixture(scope="session", autouse=True)
def core() -> None:
    """Where there is a compiler, a core that is missing is a failure."""
    if not BUILDS:
        compiler()
        binding.core()


@pytest.fixture(scope="session")
def sanitized() -> Path:
    """Test programs that stop at a bad address and at undefined behaviour; three builds at most."""
    compiler()
    chosen = [name for name in ("baseline", "avx2", "neon") if name in BUILDS]
    names = ";".join(dict.fromkeys([*chosen, BUILDS[0]]))
    return build("native-sanitized", "-DWAVEGEN_SANITIZE=ON", f"-DWAVEGEN_BUILDS={names}")

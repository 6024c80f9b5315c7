"""Runs the laws of a contract in this process, without pytest's machinery."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wavegen.testing.contract import Contract


def broken_laws(contract: Contract, fixtures: dict[str, Callable[[], Any]]) -> set[str]:
    """The laws that do not hold; each law gets fresh fixtures, and a folder if it asks."""
    broken = set[str]()
    for law in contract.laws():
        test = getattr(contract, f"test_{law}")
        with tempfile.TemporaryDirectory() as folder:
            makers = {**fixtures, "tmp_path": lambda folder=folder: Path(folder)}
            try:
                test(**{name: makers[name]() for name in inspect.signature(test).parameters})
            except pytest.skip.Exception:
                continue
            except (Exception, pytest.fail.Exception):  # whatever is raised is a catch
                broken.add(law)
    return broken

"""`wavegen doctor` says whether the native core is there, and which build of it plays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from cpp_tests import BUILDS

from wavegen.cli import main
from wavegen.native import binding


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """The library is loaded once a process; these tests look again."""
    binding.core.cache_clear()
    yield
    binding.core.cache_clear()


def told() -> tuple[str, str]:
    """State and text of its line."""
    report = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)
    (found,) = [f for f in report["findings"] if f["subject"] == "native core"]
    return found["state"], found["text"]


def test_it_names_the_builds_and_the_one_that_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAVEGEN_BUILD", raising=False)
    assert told() == ("ok", f"plays with {BUILDS[0]} of {', '.join(BUILDS)}")
    monkeypatch.setenv("WAVEGEN_BUILD", BUILDS[-1])
    assert told()[1].startswith(f"plays with {BUILDS[-1]} of ")
    monkeypatch.setenv("WAVEGEN_BUILD", "z80")
    assert told() == ("broken", f"WAVEGEN_BUILD is 'z80'; it must be one of {', '.join(BUILDS)}")


def test_it_says_how_to_get_the_core(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binding, "PLACE", tmp_path / "none.so")
    state, text = told()
    assert state == "absent"
    assert "install a C++ compiler and reinstall" in text

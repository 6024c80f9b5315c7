"""`wavegen bench decode` finds the sizes of every model."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from wavegen.cli import main
from wavegen.cli.bench import _MODELS
from wavegen.native import library
from wavegen.plugins import plugins


@pytest.mark.parametrize("name", _MODELS)
def test_sizes_are_presets_of_their_models(name: str) -> None:
    assert name in plugins().model(_MODELS[name]).spec.presets


def test_any_models_preset_can_be_timed() -> None:
    if not library.builds():
        pytest.skip("no native core")
    line = ["bench", "decode", "--config", "recurrent:tiny", "--precision", "float32"]
    result = CliRunner().invoke(main, [*line, "--rounds", "1", "--json"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["config"] == "recurrent:tiny"
    assert [row["engine"] for row in found["rows"]] == ["torch", "native"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("X", "no configuration 'X'; known: tiny, small, base, S, NV, M, L of wavenet, G, T, and"),
        ("recurrent:X", "no configuration 'recurrent:X'; known: tiny, .* of recurrent"),
        ("recurent:tiny", "no model 'recurent'"),
    ],
)
def test_unknown_sizes_are_named(name: str, message: str) -> None:
    result = CliRunner().invoke(main, ["bench", "decode", "--config", name])
    assert result.exit_code == 2
    assert re.search(message, result.stderr)

"""`wavegen models` shows every model, and all that can be set in one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wavegen.cli import main
from wavegen.config import help_of
from wavegen.model import SequenceSpec
from wavegen.plugins import Plugins

Install = Callable[..., str]
OFFERS = {offer.name: offer for offer in Plugins().models() if offer.plugin == "models"}

STUBBORN = """
    from dataclasses import dataclass
    import torch
    from wavegen import ModelSpec, hookimpl
    from wavegen.config import option
    from wavegen.errors import ConfigError

    @dataclass(frozen=True)
    class Config:
        size: int = option(3, "of something")
        steps: tuple[int, ...] = option((1, 2), "some steps")

    class Net(torch.nn.Linear):
        receptive_field = 7

    def refuse(config, spec):
        raise ConfigError("chords only")

    def look(config, spec):
        net = Net(config.size, 2)
        float(net.weight[0, 0].detach())
        return net

    @hookimpl
    def wavegen_models():
        yield ModelSpec("tcn", Config, refuse, "another one")
        yield ModelSpec("stubborn", Config, look, "looks at values", {"wide": {"size": 50}})
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments])


def described(name: str) -> dict[str, Any]:
    result = call(name, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_list_has_a_line_for_each_and_imports_no_torch() -> None:
    code = (
        "import sys; from wavegen.cli import main\n"
        "try: main(['models'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    for name, offer in OFFERS.items():
        assert lines[name] == offer.spec.summary
    assert {row["name"] for row in json.loads(call("--json").stdout)["models"]} == lines.keys()


@pytest.mark.parametrize("name", OFFERS)
def test_every_setting_and_preset_is_shown(name: str) -> None:
    spec, result = OFFERS[name].spec, call(name)
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    for field, line in help_of(spec.config).items():
        assert f"--model.{field} " in text
        assert f" {line} [default: " in text
    found = described(name)
    defaults = {field.name: json.loads(json.dumps(field.default)) for field in fields(spec.config)}
    assert {option["name"]: option["default"] for option in found["options"]} == defaults
    assert found["presets"].keys() == spec.presets.keys()
    for preset, row in found["presets"].items():
        assert row["settings"] == json.loads(json.dumps(spec.presets[preset]))
        assert f" {preset} {row['parameters']:,} parameters, receptive field " in text


@pytest.mark.parametrize("name", OFFERS)
def test_sizes_are_those_of_the_model_that_is_built(name: str) -> None:
    spec, found = OFFERS[name].spec, described(name)
    for settings, row in (
        ({}, found["defaults"]),
        (spec.presets["tiny"], found["presets"]["tiny"]),
    ):
        model = spec.build(spec.config(**settings), SequenceSpec(256, 256))
        assert row["parameters"] == sum(p.numel() for p in model.parameters())
        assert row["receptive_field"] == model.receptive_field


def test_reach_is_a_number_or_unbounded() -> None:
    assert " tiny    33,568 parameters, receptive field 253 steps: blocks=6" in call("tcn").stdout
    assert "receptive field unbounded" in call("recurrent").stdout


def test_a_name_that_nobody_offers_is_one_line() -> None:
    result = call("recurent")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("wavegen: no model 'recurent'; did you mean recurrent?; known:")
    assert result.stderr.count("\n") == 1


def test_strangers_are_shown_as_the_defaults_are(install: Install) -> None:
    install("author", STUBBORN)
    install("torn", "raise OSError('no disk')")
    listed = call()
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert {"models:tcn", "author:tcn", "stubborn"} <= set(names)
    assert "tcn" not in names
    assert listed.stderr == "wavegen: plugin torn (torn-dist 1.0) is broken: OSError: no disk\n"
    wide = described("stubborn")["presets"]["wide"]
    assert (wide["parameters"], wide["receptive_field"]) == (102, 7)
    assert "--model.steps A,B,... some steps [default: 1,2]" in " ".join(
        call("stubborn").stdout.split()
    )


def test_a_model_of_other_sequences_says_what_it_refuses(install: Install) -> None:
    install("author", STUBBORN)
    assert "not for such sequences (chords only)" in call("author:tcn").stdout
    assert described("author:tcn")["defaults"] == {
        "parameters": None,
        "receptive_field": None,
        "refused": "chords only",
    }

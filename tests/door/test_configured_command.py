"""Options that come from dataclasses: listed, read, passed on as text, and explained when wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner, Result

from wavegen.cli.options import ConfiguredCommand, Section
from wavegen.config import option, parse
from wavegen.errors import PluginError


@dataclass(frozen=True)
class Sound:
    rate_hz: int = option(16000, "samples per second")
    codec: Literal["mulaw", "linear"] = option("mulaw", "how a sample is stored")
    trim: bool = option(False, "whether silence is cut off")


@dataclass(frozen=True)
class Net:
    layers: int = option(10, "how many")
    dilations: tuple[int, ...] = option((1, 2, 4), "one for each layer")
    width: int | None = option(None, "channels")


class ToyCommand(ConfiguredCommand):
    prefixes = ("--domain.", "--model.")

    def sections(self, arguments: Mapping[str, Any]) -> Sequence[Section]:
        found = []
        if name := arguments["domain"]:
            if name != "sound":
                raise PluginError(f"no domain {name!r}; known: sound")
            found.append(Section("domain", "Domain options (sound)", Sound, "--domain."))
        title = f"Model options ({arguments['model'] or 'net'})"
        return [*found, Section("model", title, Net, "--model.")]


@click.command(cls=ToyCommand)
@click.argument("domain", required=False)
@click.argument("sources", nargs=-1)
@click.option("--model", help="The model.")
@click.option("--steps", type=int, help="How many.")
def toy(**given: Any) -> None:
    """Print what was given."""
    click.echo(json.dumps(given))


def call(*arguments: str) -> Result:
    return CliRunner().invoke(toy, arguments)


def given(*arguments: str) -> dict[str, Any]:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_help_has_the_fields_of_what_was_chosen() -> None:
    text = " ".join(call("sound", "--model", "big", "--help").stdout.split())
    for part in (
        "Domain options (sound)",
        "--domain.rate_hz INTEGER samples per second [default: 16000]",
        "--domain.codec [mulaw|linear] how a sample is stored [default: mulaw]",
        "--domain.trim true|false whether silence is cut off [default: false]",
        "Model options (big)",
        "--model.dilations A,B,... one for each layer [default: 1,2,4]",
        "--model.width INTEGER|none channels [default: none]",
        "--steps INTEGER How many.",
    ):
        assert part in text, text


def test_help_without_a_domain_has_the_rest() -> None:
    text = call("--help").stdout
    assert "--model.layers" in text
    assert "--domain." not in text


@pytest.mark.parametrize(
    "line",
    [
        "sound a b --domain.rate_hz 8000 --model.width=7 --steps 3",
        "--domain.rate_hz 8000 --model.width=7 --steps 3 sound a b",
        "--domain.rate_hz=8000 sound --steps 3 a --model.width 7 b",
    ],
)
def test_values_arrive_as_text_wherever_they_stand(line: str) -> None:
    assert given(*line.split()) == {
        "domain": "sound",
        "sources": ["a", "b"],
        "model": None,
        "steps": 3,
        "settings": {"domain": {"rate_hz": "8000"}, "model": {"width": "7"}},
    }


def test_text_becomes_a_config() -> None:
    settings = given(
        "sound",
        *("--model.dilations", "1,3", "--model.width", "none"),
        *("--domain.trim", "true", "--domain.codec", "linear"),
    )["settings"]
    assert parse(Net, settings["model"], "model") == Net(dilations=(1, 3))
    assert parse(Sound, settings["domain"], "domain") == Sound(trim=True, codec="linear")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sound --domain.rate_h 8000", "--domain.rate_hz"),
        ("sound --model.layer 8000", "--model.layers"),
        ("sound --stpes 5", "--steps"),
        ("--stpes 5 sound", "--steps"),
        ("sound --domain.codec mp3", "'mulaw', 'linear'"),
        ("sound --domain.rate_hz", "requires an argument"),
    ],
)
def test_misspelt_option_gets_the_nearest_name(line: str, message: str) -> None:
    result = call(*line.split())
    assert result.exit_code == 2
    assert message in result.stderr


def test_unknown_domain_is_named_before_its_options() -> None:
    result = call("soud", "--domain.rate_hz", "8000")
    assert str(result.exception) == "no domain 'soud'; known: sound"

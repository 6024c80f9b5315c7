"""Every hook, every option of the command line and every setting says what it is."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import click
import pytest

from wavegen import hookspecs
from wavegen.cli import COMMANDS, main
from wavegen.config import help_of
from wavegen.controls import Controls
from wavegen.plugins import KINDS, Plugins
from wavegen.training.config import TrainerConfig

HOOKS = {
    name: hook for name, hook in vars(hookspecs).items() if getattr(hook, "wavegen_spec", None)
}
SETTINGS: dict[str, type] = {
    "trainer": TrainerConfig,
    "controls": Controls,
    **{f"model {offer.name}": offer.spec.config for offer in Plugins().models()},
    **{f"domain {offer.name}": offer.spec.config for offer in Plugins().domains()},
}


def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command and all that are below it."""
    yield name, command
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from commands(f"{name} {inner.name}", inner)


def options(command: click.Command, *line: str) -> list[click.Option]:
    """A command's options, those that come from settings included."""
    with command.make_context("wavegen", list(line), resilient_parsing=True) as ctx:
        return [param for param in command.get_params(ctx) if isinstance(param, click.Option)]


def test_all_hooks_are_collected() -> None:
    assert set(HOOKS) == set(KINDS.values())


@pytest.mark.parametrize("name", HOOKS)
def test_hook_has_help_and_an_example(name: str) -> None:
    text = inspect.getdoc(HOOKS[name]) or ""
    first, _, example = text.partition("Example::")
    assert len(first.split()) > 1
    code = textwrap.dedent(example)
    compile(code, name, "exec")
    assert code.strip().startswith(f"@hookimpl\ndef {name}(")


@pytest.mark.parametrize("name", COMMANDS)
def test_command_and_its_options_have_help(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    for called, inner in commands(name, command):
        assert inner.help, called
        own = options(inner)
        for option in own:
            assert option.help, f"{called} {option.opts}"
        if not isinstance(inner, click.Group):
            assert "--json" in {text for option in own for text in option.opts}, called


@pytest.mark.parametrize("what", SETTINGS)
def test_setting_has_help(what: str) -> None:
    for field, text in help_of(SETTINGS[what]).items():
        assert len(text.split()) > 1, f"{what}: {field} has the help {text!r}"


@pytest.mark.parametrize("domain", [offer.name for offer in Plugins().domains()])
def test_every_setting_is_an_option_of_train(domain: str) -> None:
    train: Any = main.get_command(click.Context(main), "train")
    names = {text for option in options(train, domain) for text in option.opts}
    assert {f"--trainer.{field}" for field in help_of(TrainerConfig)} <= names
    assert {f"--domain.{field}" for field in help_of(SETTINGS[f"domain {domain}"])} <= names


def test_what_is_offered_has_a_summary() -> None:
    table = Plugins()
    offers = [*table.models(), *table.domains(), *table.filters(), *table.observers()]
    assert all(offer.spec.summary for offer in offers)

"""Options that come from settings: one for each field of the chosen configs.

Which configs those are depends on what else is on the command line (`train audio --model wavenet`
has the audio domain's fields and WaveNet's, as `--domain.FIELD` and `--model.FIELD`; `sample RUN`
has, as `--FIELD`, what the domain of the run can be asked for), so the line is read twice: first
without the settings, to learn the names, then as a whole.
"""

from __future__ import annotations

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from typing import Any

import click

from ..config import help_of
from ..errors import WavegenError
from .setting_text import default_text, metavar, value_text

PLAIN = "--"
_OPTIONS = "wavegen.section_options"


@dataclass(frozen=True)
class Section:
    """One config, whose values the callback finds under its name."""

    name: str
    title: str
    config: type
    prefix: str
    """What its options begin with: `--NAME.`, or `--` where they are like the command's own."""
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Values that stand in place of the config's own defaults."""

    def flag(self, field: str) -> str:
        """The option of a field."""
        return self.prefix + (field.replace("_", "-") if self.prefix == PLAIN else field)


@dataclass(frozen=True)
class _SectionOptions:
    section: Section
    options: dict[str, click.Option]
    """By field name."""


class ConfiguredCommand(click.Command, ABC):
    """A command whose callback gets `settings`: the values given, by section and field, as text."""

    prefixes: tuple[str, ...]
    """What the options of all its sections begin with."""

    @abstractmethod
    def sections(self, arguments: Mapping[str, Any]) -> Sequence[Section]:
        """The configs that the command's other arguments choose."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the line, with the options of the chosen sections among all others."""
        plain = self._without_settings(args)
        try:
            chosen = self.sections(self._peek(ctx, plain))
        except WavegenError:
            super().parse_args(ctx, plain)  # a misspelt option is the likelier cause
            raise
        ctx.meta[_OPTIONS] = [_SectionOptions(s, _options_of(s)) for s in chosen]
        rest = super().parse_args(ctx, args)
        settings: dict[str, dict[str, str]] = {section.name: {} for section in chosen}
        for group in _groups(ctx):
            for field, option in group.options.items():
                value = ctx.params.pop(option.name, None)
                if value is not None:
                    settings[group.section.name][field] = value
        ctx.params["settings"] = settings
        return rest

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, then those of the sections."""
        return super().get_params(ctx) + [
            option for group in _groups(ctx) for option in group.options.values()
        ]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then a block for each section."""
        own = [p for p in super().get_params(ctx) if isinstance(p, click.Option)]
        _write(formatter, "Options", [option.get_help_record(ctx) for option in own])
        for group in _groups(ctx):
            records = [option.get_help_record(ctx) for option in group.options.values()]
            _write(formatter, group.section.title, records)

    def _peek(self, ctx: click.Context, args: list[str]) -> dict[str, Any]:
        """The command's own arguments, as far as they can be understood."""
        first = click.Command(self.name, params=self.params)
        settings = {"resilient_parsing": True, "ignore_unknown_options": True}
        with first.make_context(ctx.info_name, list(args), ctx.parent, **settings) as peek:
            return peek.params

    def _without_settings(self, args: Sequence[str]) -> list[str]:
        """The line less every `--SETTING VALUE` and `--SETTING=VALUE`."""
        own = {PLAIN, "--help"}.union(*(p.opts + p.secondary_opts for p in self.params))
        kept: list[str] = []
        tokens = iter(args)
        for token in tokens:
            name, equals, _ = token.partition("=")
            if name in own or not name.startswith(self.prefixes):
                kept.append(token)
            elif not equals:
                next(tokens, None)
        return kept


def _groups(ctx: click.Context) -> list[_SectionOptions]:
    return ctx.meta.get(_OPTIONS, [])


def _write(
    formatter: click.HelpFormatter, title: str, records: Sequence[tuple[str, str] | None]
) -> None:
    if rows := [record for record in records if record]:
        with formatter.section(title):
            formatter.write_dl(rows)


def _options_of(section: Section) -> dict[str, click.Option]:
    hints = typing.get_type_hints(section.config)
    texts = help_of(section.config)
    return {
        field.name: click.Option(
            [f"{section.name}__{field.name}", section.flag(field.name)],
            type=_type_of(hints[field.name]),
            metavar=metavar(hints[field.name]),
            help=f"{texts[field.name]}  [{_default(section, field)}]".strip(),
        )
        for field in fields(section.config)
    }


def _default(section: Section, field: Field[Any]) -> str:
    if field.name in section.defaults:
        return f"default here: {value_text(section.defaults[field.name])}"
    return default_text(field)


def _type_of(hint: Any) -> click.ParamType:
    """Text, which `wavegen.config` parses; only a set of words is checked here."""
    words = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    if words and all(isinstance(word, str) for word in words):
        return click.Choice(words)
    return click.STRING

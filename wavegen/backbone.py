"""A model inside another: its settings as one option holds them, and how it is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import config
from .errors import ConfigError
from .plugins import plugins

if TYPE_CHECKING:
    from .model import SequenceModel, SequenceSpec

_OPTION = "model.backbone_options"


def settings(options: Sequence[str]) -> dict[str, str]:
    """The values of `NAME=VALUE,NAME=VALUE` by name. Raises `ConfigError`."""
    values: dict[str, str] = {}
    for text in options:
        name, sign, value = text.partition("=")
        if not (sign and name.strip() and value.strip()) or name.strip() in values:
            raise ConfigError(f"{_OPTION} has {text!r}; write NAME=VALUE, each name once")
        values[name.strip()] = value.strip()
    return values


def build(name: str, values: Mapping[str, str], spec: SequenceSpec) -> SequenceModel[Any]:
    """The model of that name. Raises `ConfigError` for settings that it does not have."""
    found = plugins().model(name).spec
    return found.build(config.parse(found.config, values, _OPTION), spec)

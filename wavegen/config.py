"""Settings: frozen dataclasses, checked by pydantic, the same for command line, files and Python.

A field is written `name: type = option(default, "what it does")`. Values arrive as text (command
line), as TOML or JSON, or as Python objects; a wrong one gives a line with the value, the section
and the nearest known name.
"""

from __future__ import annotations

import difflib
import json
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Any, TypeVar

from .errors import ConfigError

C = TypeVar("C")


def option(default: Any, help_text: str) -> Any:
    """A documented dataclass field with a default."""
    return field(default=default, metadata={"help": help_text})


def help_of(config: type) -> dict[str, str]:
    """Each field's one-line description."""
    return {f.name: f.metadata.get("help", "") for f in fields(config)}


def parse(config: type[C], values: Mapping[str, Any], section: str) -> C:
    """Build `config` from loose values, or raise `ConfigError` naming `section` and the cure."""
    known = [f.name for f in fields(config)]  # pyright: ignore[reportArgumentType]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {section}.{near[0]}?" if near else f"known: {', '.join(known)}"
            raise ConfigError(f"{section}.{name}: unknown setting; {hint}")
    hints = typing.get_type_hints(config)
    loose = {name: _from_text(value, hints[name]) for name, value in values.items()}
    parsed = _as_it_is(config, loose) or _validated(config, loose, section)
    for name in known:
        value = getattr(parsed, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{section}.{name}: must be a finite number, got {value}")
    return parsed


def _as_it_is(config: type[C], values: Mapping[str, Any]) -> C | None:
    """The config where every value is of its type already, else None.

    To import pydantic takes longer than anything else between a program file and its first sound.
    """
    hints = typing.get_type_hints(config, include_extras=True)
    plain = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    if not all(_is_exactly(value, hints[name]) for name, value in plain.items()):
        return None
    try:
        return config(**plain)
    except ConfigError:
        raise
    except (TypeError, ValueError):  # pydantic says it better
        return None


def _is_exactly(value: Any, hint: Any) -> bool:
    """Whether a value is of a type that stands for itself: `int`, `str | None`, a Literal, ..."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if _is_union(hint):
        return any(_is_exactly(value, part) for part in parts)
    if origin is typing.Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if origin is tuple and parts[1:] == (...,):
        return isinstance(value, tuple) and all(_is_exactly(item, parts[0]) for item in value)
    return type(value) is hint


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _validated(config: type[C], loose: Mapping[str, Any], section: str) -> C:
    """Convert and check by pydantic."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(config).validate_python(loose)
    except ValidationError as error:
        first = error.errors()[0]
        if isinstance(cause := first.get("ctx", {}).get("error"), ConfigError):
            raise cause from error
        place = ".".join([section, *map(str, first["loc"])])
        if first["type"] == "missing":
            raise ConfigError(f"{place}: is required") from error
        given = repr(first["input"])
        shown = given if len(given) <= 80 else f"{given[:77]}..."
        raise ConfigError(f"{place}: {first['msg']}, got {shown}") from error


def to_dict(config: Any) -> dict[str, Any]:
    """Plain JSON values of a config."""
    return json.loads(json.dumps(asdict(config)))


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Sections of a TOML file, or of a JSON file such as a run's `config.json`."""
    try:
        text = path.read_text(encoding="utf-8")
        loaded = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot read settings ({error})") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: expected sections of settings, got {type(loaded).__name__}")
    return loaded


def _from_text(value: Any, hint: Any) -> Any:
    """Command-line text to what pydantic takes: `1,2,4` for a tuple, `none` where None may be,
    the very word of a Literal (`2` of `Literal[1, 2]` is a number).
    """
    if not isinstance(value, str):
        return value
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    if type(None) in options and value.lower() == "none":
        return None
    for literal in (o for o in options if typing.get_origin(o) is typing.Literal):
        for word in typing.get_args(literal):
            if str(word) == value:
                return word
    if any(typing.get_origin(o) in (tuple, list) for o in options):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value

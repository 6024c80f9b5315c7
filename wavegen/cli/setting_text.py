"""How the help shows a setting's type and its default: as one would write them."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import MISSING
from typing import Any


def metavar(hint: Any) -> str:
    """What may be written for a type: `true|false`, `INTEGER`, `[pre|post]`, ..."""
    if typing.get_origin(hint) is typing.Literal:
        return f"[{'|'.join(map(str, typing.get_args(hint)))}]"
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return "|".join(map(metavar, typing.get_args(hint)))
    if typing.get_origin(hint) in (tuple, list):
        return "A,B,..."
    names = {bool: "true|false", int: "INTEGER", float: "NUMBER", type(None): "none"}
    return names.get(hint, "TEXT")


def default_text(field: dataclasses.Field[Any]) -> str:
    """`default: VALUE`, or `required`."""
    if field.default_factory is not MISSING:
        return f"default: {value_text(field.default_factory())}"
    return "required" if field.default is MISSING else f"default: {value_text(field.default)}"


def value_text(value: Any) -> str:
    """A value as one would write it on the command line."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value)) or "empty"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value) or "empty"

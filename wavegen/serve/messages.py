"""Text of the stream protocol to messages; each fault is one line with the value and the cure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from ..errors import ConfigError, ProtocolError
from .asked import VERSION, Generate
from .listener_messages import FromListener
from .server_messages import FromServer

_FROM_LISTENER: TypeAdapter[FromListener] = TypeAdapter(
    Annotated[FromListener, Field(discriminator="type")]
)
_FROM_SERVER: TypeAdapter[FromServer] = TypeAdapter(
    Annotated[FromServer, Field(discriminator="type")]
)
_GENERATE = TypeAdapter(Generate)

T = TypeVar("T")


def from_listener(text: str | bytes) -> FromListener:
    """A listener's message. Raises `ProtocolError`, or `ConfigError` where a value is no good."""
    return _read(_FROM_LISTENER, text)


def from_server(text: str | bytes) -> FromServer:
    """A server's message. Raises `ProtocolError`, or `ConfigError` where a value is no good."""
    return _read(_FROM_SERVER, text)


def generate(text: str | bytes) -> Generate:
    """The body of a request. Raises `ProtocolError`, or `ConfigError` where a value is no good."""
    return _read(_GENERATE, text)


def _read(adapter: TypeAdapter[T], text: str | bytes) -> T:
    try:
        content = text.encode() if isinstance(text, str) else text
        return adapter.validate_json(content)
    except UnicodeEncodeError:
        raise ProtocolError("the message is no Unicode text; send JSON in UTF-8") from None
    except ValidationError as error:
        raise _one_line(error.errors(include_url=False)[0]) from None


_OUT_OF_RANGE = (
    "greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number",
    "string_too_short", "string_too_long", "string_pattern_mismatch", "literal_error",
)  # fmt: skip
"""Faults of a value; all others are messages that version 1 of the protocol does not have."""


def _one_line(fault: Mapping[str, Any]) -> ProtocolError | ConfigError:
    kind, given, about = fault["type"], _shown(fault["input"]), fault.get("ctx", {})
    place = ".".join(_shown(part).strip("'") for part in fault["loc"]) or "the message"
    match kind:
        case "json_invalid":
            return ProtocolError(f"the message is not JSON ({about['error']}); it begins {given}")
        case "union_tag_invalid":
            tag = _shown(about["tag"])
            return ProtocolError(f"type is {tag}; it must be one of {about['expected_tags']}")
        case "union_tag_not_found":
            return ProtocolError("the message has no type; it must be an object with a type")
        case "extra_forbidden":
            return ProtocolError(f"{place} is unknown; leave it out")
        case "missing":
            return ProtocolError(f"{place} is missing; it must be there")
    if fault["loc"][-1:] == ("version",):
        return ProtocolError(f"{place} is {given}; here version {VERSION} is spoken")
    rule = re.sub("^(Input|String) should", "it must", fault["msg"])
    return (ConfigError if kind in _OUT_OF_RANGE else ProtocolError)(f"{place} is {given}; {rule}")


def _shown(value: Any) -> str:
    """A value in few printable characters."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

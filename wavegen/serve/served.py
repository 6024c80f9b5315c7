"""A model under the name that listeners know it by, and what they are told about it."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any, Literal, cast

from ..config import help_of
from ..controls import Controls
from ..domain_player import StreamFormat
from ..errors import ConfigError
from ..playing import TrainedModel
from ..plugins import plugins
from ..scheduling.scheduler import Scheduler
from .refusals import Code, RefusedError

_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


@dataclass(frozen=True)
class Served:
    """One of the server's models."""

    name: str
    model: TrainedModel
    scheduler: Scheduler

    @cached_property
    def form(self) -> StreamFormat[Any]:
        """How its sequences are written."""
        return self.model.domain.stream_format()

    @property
    def kind(self) -> Literal["samples", "notes", "values", "bytes"]:
        """What a listener makes of them."""
        return cast(Any, self.form.kind)

    @cached_property
    def plan(self) -> type | None:
        """The dataclass of what its domain can be asked for."""
        domain = self.model.config["domain"]
        return plugins().domain(f"{domain['plugin']}:{domain['name']}").spec.plan

    @property
    def rate_hz(self) -> float:
        """Steps a second."""
        return self.model.domain.rate_hz

    def encoding(self, name: str | None) -> tuple[str, Callable[[Any], bytes]]:
        """The way of that name to send a piece; the usual one where none is named."""
        encodings = self.form.encodings()
        name = next(iter(encodings)) if name is None else name
        if name not in encodings:
            raise RefusedError(
                Code.FORMAT,
                f"encoding is {name!r:.80}; {self.name} has {', '.join(encodings)}",
            )
        return name, encodings[name]

    def suffix(self, wanted: str | None) -> str:
        """The ending of a file in that format, with or without its dot; the usual one of None."""
        suffixes = self.model.domain.suffixes
        suffix = suffixes[0] if wanted is None else f".{wanted.lstrip('.').lower()}"
        if suffix not in suffixes:
            raise RefusedError(
                Code.FORMAT, f"the format {wanted!r:.80} is none of {', '.join(suffixes)}"
            )
        return suffix

    def described(self) -> dict[str, Any]:
        """Its entry in the list of models."""
        domain = self.model.domain
        return {
            "id": self.name,
            "object": "model",
            "kind": self.kind,
            "rate_hz": domain.rate_hz,
            "labels": list(domain.labels),
            "plan": _fields(self.plan) if self.plan else [],
            "controls": [
                row
                for row in _fields(Controls)
                if self.model.head.draws_classes or row["name"] == "temperature"
            ],
            "suffixes": list(domain.suffixes),
            "encodings": list(self.form.encodings()),
            "default_seconds": domain.default_seconds,
            "slots": self.scheduler.n_slots,
            "xrt": self.scheduler.speeds.xrt(1, domain.rate_hz),
        }


class Models:
    """All models of a server, by name."""

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = {each.name: each for each in served}

    def __iter__(self) -> typing.Iterator[Served]:
        """In the order in which they were named."""
        return iter(self._served.values())

    def named(self, name: str) -> Served:
        """The one of that name."""
        if name not in self._served:
            raise RefusedError(
                Code.UNKNOWN, f"no model {name!r:.80}; there are {', '.join(self._served)}"
            )
        return self._served[name]


def served(models: Mapping[str, TrainedModel], schedulers: Mapping[str, Scheduler]) -> Models:
    """Each model beside what schedules it."""
    if not models:
        raise ConfigError("no model to serve; name one at least")
    return Models([Served(name, model, schedulers[name]) for name, model in models.items()])


def _fields(config: type) -> list[dict[str, Any]]:
    """What a page needs to know of a dataclass to ask for its values."""
    hints, texts = typing.get_type_hints(config), help_of(config)
    rows: list[dict[str, Any]] = []
    for field in fields(config):
        hint = hints[field.name]
        words = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
        rows.append(
            {
                "name": field.name,
                "type": _JSON_TYPES.get(hint, "string"),
                "default": None if field.default is MISSING else field.default,
                "choices": list(words),
                "help": texts[field.name],
            }
        )
    return rows

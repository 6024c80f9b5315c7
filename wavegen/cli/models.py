"""`wavegen models`: which models there are, and all that can be set in one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, get_type_hints

import click

from ..config import help_of, parse
from ..errors import ConfigError
from ..hookspecs import ModelSpec
from ..plugins import Offer, plugins
from .output import json_option, note, show
from .setting_text import default_text, metavar, value_text

_CLASSES = 256


@click.command()
@click.argument("name", required=False)
@json_option
def models(name: str | None, as_json: bool) -> None:
    """List the models there are; with NAME, show what can be set in one, and its presets.

    Presets come with their numbers of parameters for sequences of one of 256 classes a step.
    """
    if name is not None:
        offer = plugins().model(name)
        values = _described(offer)
        show(values, _text(offer.spec, values), as_json)
        return
    offers = plugins().models()
    for row in plugins().rows():
        if row.status == "broken":
            note(f"wavegen: plugin {row.source} is broken: {row.error}")
    count = Counter(offer.name for offer in offers)
    names = [o.name if count[o.name] == 1 else f"{o.plugin}:{o.name}" for o in offers]
    rows = [
        {"name": name, "summary": offer.spec.summary, **_source(offer)}
        for name, offer in zip(names, offers, strict=True)
    ]
    width = max(map(len, names), default=0)
    text = "\n".join(f"{row['name']:<{width}}  {row['summary']}" for row in rows)
    show({"models": rows}, text, as_json)


def _described(offer: Offer[ModelSpec]) -> dict[str, Any]:
    """JSON values of one model."""
    spec = offer.spec
    hints, texts = get_type_hints(spec.config), help_of(spec.config)
    return {
        "name": spec.name,
        "summary": spec.summary,
        **_source(offer),
        "options": [
            {
                "name": field.name,
                "type": metavar(hints[field.name]),
                "default": _default(field),
                "help": texts[field.name],
            }
            for field in fields(spec.config)
        ],
        "classes": _CLASSES,
        "defaults": _size(spec, {}),
        "presets": {
            name: {"settings": dict(settings), **_size(spec, settings)}
            for name, settings in spec.presets.items()
        },
    }


def _source(offer: Offer[ModelSpec]) -> dict[str, str]:
    return {
        "plugin": offer.plugin,
        "distribution": offer.distribution,
        "version": offer.version,
    }


def _default(field: Field[Any]) -> Any:
    """Its JSON value; None also where a value must be given."""
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default


def _size(spec: ModelSpec, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters and receptive field, or why there is no such model of plain classes."""
    import torch

    from ..model import SequenceSpec

    sequence = SequenceSpec(_CLASSES, _CLASSES)
    try:
        config = parse(spec.config, settings, "model")
        try:
            with torch.device("meta"):
                model = spec.build(config, sequence)
        except RuntimeError:  # it looks at values while it is built, so it needs real ones
            model = spec.build(config, sequence)
    except ConfigError as error:
        return {"parameters": None, "receptive_field": None, "refused": str(error)}
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "receptive_field": model.receptive_field,
        "refused": None,
    }


def _text(spec: ModelSpec, values: Mapping[str, Any]) -> str:
    """The same for people."""
    formatter = click.HelpFormatter()
    formatter.write_text(f"{spec.name}: {spec.summary}")
    formatter.write_text(f"plugin {values['plugin']}, {values['distribution']} {values['version']}")
    options = [
        (f"--model.{option['name']} {option['type']}", f"{option['help']}  [{default_text(field)}]")
        for option, field in zip(values["options"], fields(spec.config), strict=True)
    ]
    if options:
        with formatter.section("Settings"):
            formatter.write_dl(options)
    with formatter.section(f"Presets (--preset NAME), for {_CLASSES} classes"):
        rows = {"(none)": {"settings": {}, **values["defaults"]}, **values["presets"]}
        formatter.write_dl([(name, _preset_text(row)) for name, row in rows.items()])
    return formatter.getvalue().rstrip("\n")


def _preset_text(row: Mapping[str, Any]) -> str:
    settings = " ".join(f"{name}={value_text(value)}" for name, value in row["settings"].items())
    if row["refused"] is not None:
        size = f"not for such sequences ({row['refused']})"
    else:
        reach = row["receptive_field"]
        field = "unbounded" if reach is None else f"{reach:,} steps"
        size = f"{row['parameters']:,} parameters, receptive field {field}"
    return f"{size}{': ' if settings else ''}{settings}"

"""`wavegen info`: what a run holds, and how it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import json_option, show
from .playing import run_argument

if TYPE_CHECKING:
    from ..playing import TrainedModel


@click.command()
@run_argument
@json_option
def info(run: Path, as_json: bool) -> None:
    """Show what the model in RUN is, what it needs and how it was trained."""
    from ..checkpoint import read
    from ..playing import load

    path = read(run).path
    values = {"checkpoint": str(path), **_facts(load(path, "cpu", engine="torch"))}
    show(values, "\n".join(_lines(values)), as_json)


def _facts(model: TrainedModel) -> dict[str, Any]:
    from .. import state as trees

    rate, reach = model.domain.rate_hz, model.model.receptive_field
    modules = (model.model, model.head)
    return {
        "model": model.config["model"],
        "domain": model.config["domain"],
        "wavegen": model.config.get("wavegen"),
        "parameters": sum(p.numel() for module in modules for p in module.parameters()),
        "rate_hz": rate,
        "receptive_field": {"steps": reach, "seconds": None if reach is None else reach / rate},
        "lead_in_steps": model.lead_in,
        "state_bytes_per_voice": trees.n_bytes(model.any_voice().state),
        "labels": list(model.domain.labels),
        "cond_channels": model.domain.cond_channels,
        "trained": model.config.get("trained", {}),
        "data": model.config.get("data", {}),
    }


def _lines(values: Mapping[str, Any]) -> list[str]:
    reach, trained = values["receptive_field"], values["trained"]
    rows = {
        "checkpoint": values["checkpoint"],
        "model": _part(values["model"]),
        "domain": _part(values["domain"]),
        "parameters": f"{values['parameters']:,}",
        "rate": f"{values['rate_hz']:g} steps/s",
        "receptive field": "unbounded"
        if reach["steps"] is None
        else f"{reach['steps']:,} steps, {reach['seconds']:.3g} s",
        "state": f"{values['state_bytes_per_voice']:,} bytes a voice",
        "labels": ", ".join(values["labels"]) or "none",
        "follows": f"{values['cond_channels']} channels" if values["cond_channels"] else "nothing",
        "trained": f"{trained.get('steps', 0):,} updates, {trained.get('scored', 0):,} scored "
        f"steps, {trained.get('seconds', 0):,.0f} s on {trained.get('device')}",
        "bits": ", ".join(
            f"{name} {bits:.3f}" for name, bits in _bits(trained) if bits is not None
        ),
    }
    return [f"{name:16} {value}" for name, value in rows.items()]


def _part(entry: Mapping[str, Any]) -> str:
    """A model or a domain: its name, where it comes from, and its settings."""
    settings = " ".join(f"{name}={value}" for name, value in entry["config"].items())
    source = f"{entry['plugin']}, {entry.get('distribution')} {entry.get('version')}"
    return f"{entry['name']} ({source}): {settings}"


def _bits(trained: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """Validation bits, beside those of simple statistics."""
    return [
        ("validation", trained.get("bits_valid")),
        ("training", trained.get("bits_train")),
        *trained.get("baselines", {}).items(),
    ]

"""Toy models with random weights, as parts and as checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from toy_plugin import Letters, LettersConfig, parts

from wavegen import checkpoint, config
from wavegen.engines.choice import EngineOptions
from wavegen.playing import TrainedModel

PLUGIN = Path(__file__).with_name("toy_plugin.py")


def trained(slots: int = 4, **settings: object) -> TrainedModel:
    domain = Letters(LettersConfig(**settings))
    model, head = parts(domain)
    options = EngineOptions("torch", slots=slots)
    return TrainedModel(model, head, domain, lead_in=model.receptive_field or 1, options=options)


def write_run(run: Path, changes: Mapping[str, Any] | None = None, **settings: object) -> Path:
    """A checkpoint as training writes it."""
    model = trained(**settings)
    offer = {"plugin": "toy_plugin", "distribution": "toys", "version": "1.0"}
    values = {
        "model": {"name": "toy", **offer, "config": {"layers": 3, "hidden": 24}},
        "domain": {"name": "letters", **offer, "config": config.to_dict(model.domain.config)},
        "spec": config.to_dict(model.model.spec),
        "lead_in": model.lead_in,
        "trained": {"steps": 10},
    }
    modules = torch.nn.ModuleDict({"model": model.model, "head": model.head})
    return checkpoint.write(
        run, 10, config={**values, **(changes or {})}, weights=modules.state_dict(), card="toy"
    )

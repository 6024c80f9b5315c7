"""Each model that comes with wavegen is whole, says what it is, and plays."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import wavegen
from wavegen import checkpoint, shipped

NAMES = shipped.names()


def test_there_are_some() -> None:
    assert {"bach", "tabla"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    found = checkpoint.read(Path(name))
    card = (found.path / "README.md").read_text(encoding="utf-8")
    assert all(word in card for word in ("Data.", "How good.", "Weak points.", "Apache-2.0"))
    assert not found.has_training
    sources = found.config["data"]["sources"]
    assert [Path(source).name for source in sources] == sources  # no path of who trained it


@pytest.mark.parametrize("name", NAMES)
def test_it_plays(name: str) -> None:
    model = wavegen.load(name, "cpu", threads=1)
    steps = max(24, round(model.domain.rate_hz))  # a sound may begin with silence
    cond = _unplanned(model, steps)
    first, second = model.generate_symbols(2, steps=steps, seed=1, cond=cond)
    assert first.shape == second.shape == (steps, *model.head.event_shape)
    assert not torch.equal(first, second)


def _unplanned(model: wavegen.TrainedModel, steps: int) -> torch.Tensor | None:
    nothing = torch.empty(0, model.domain.cond_channels)
    return model.domain.plan_conditions(None, steps, nothing)

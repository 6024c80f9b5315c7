"""Recurrent models go through training, the disk and generation as any model does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from short_runs import Run

from wavegen.assembly import assemble
from wavegen.checkpoint import read
from wavegen.playing import load

SMALL: dict[str, dict[str, Any]] = {
    "recurrent": {"layers": 2, "width": 12, "embedding": 8, "dropout": 0.1},
    "clockwork": {"groups": 3, "units": 6, "embedding": 8},
    "conv-gru": {"layers": 1, "width": 12, "embedding": 8, "channels": 8, "output_channels": 8},
    "echo-state": {"units": 30, "sparsity": 0.5},
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", SMALL)
def test_trains_resumes_and_plays(model: str, precision: str, train: Run, tmp_path: Path) -> None:
    settings = {"context": 20, "steps": 6, "precision": precision}
    asked: dict[str, Any] = {"model": model, "model_config": SMALL[model]}
    train(tmp_path / "run", **asked, trainer=settings)
    done = train(tmp_path / "run", **asked, trainer={**settings, "steps": 8}, resume=True)
    assert done.steps == 8
    assert done.bits_valid < 6
    assert len(load(tmp_path / "run").generate(steps=5)[0]) > 0


def test_buffers_are_resumed_as_parameters_are(train: Run, tmp_path: Path) -> None:
    train(
        tmp_path / "run",
        model="echo-state",
        model_config=SMALL["echo-state"],
        trainer={"context": 20, "steps": 2},
    )
    checkpoint = read(tmp_path / "run")
    weights, training = checkpoint.weights(), checkpoint.training()
    for name in ("model.readout", "model.reservoir"):
        assert (training[f"raw/{name}"] == weights[name]).all()


def test_a_resumed_reservoir_forgets_nothing(train: Run, tmp_path: Path) -> None:
    """The normal equations go on, so the run ends as one that was never stopped."""
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    asked: dict[str, Any] = {"model": "echo-state", "model_config": SMALL["echo-state"]}
    asked["trainer"] = {"context": 20, "steps": 6}
    train(straight, **asked)
    halfway = "checkpoints/step-00000003"
    shutil.copytree(straight / halfway, resumed / halfway)
    train(resumed, **asked, resume=True)
    ends = [read(run).weights() for run in (straight, resumed)]
    assert ends[0].keys() == ends[1].keys()
    for name, value in ends[0].items():
        assert (value == ends[1][name]).all(), name


def test_a_reservoir_is_fitted_in_closed_form(train: Run, tmp_path: Path) -> None:
    """Six updates: no gradient gets anywhere in that time, the normal equations do."""
    done = train(
        tmp_path / "run",
        model="echo-state",
        model_config={"units": 100},
        trainer={"context": 20, "steps": 6, "window": 256},
    )
    assert done.bits_valid < min(done.baselines.values())
    model = assemble(read(tmp_path / "run")).model
    assert {"reservoir", "readout", "input_weight"} <= model.state_dict().keys()

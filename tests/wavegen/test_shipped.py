"""Models that come with wavegen: found by their bare names, where nothing here has that name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wavegen import checkpoint, shipped
from wavegen.errors import CheckpointError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a model `tabla` lies, as a checkpoint that is only played."""
    run, models = tmp_path / "run", tmp_path / "models"
    written = checkpoint.write(run, 1, config={"a": 1}, weights={"w": torch.ones(1)}, card="")
    models.mkdir()
    written.rename(models / "tabla")
    monkeypatch.setattr(shipped, "_FOLDERS", (tmp_path / "nowhere", models))
    monkeypatch.chdir(tmp_path)
    return models


def test_a_bare_name_is_enough(folder: Path) -> None:
    assert shipped.names() == ["tabla"]
    assert checkpoint.read(Path("tabla")).path == folder / "tabla"
    assert checkpoint.config_of(Path("tabla"))["a"] == 1


def test_what_is_here_wins(folder: Path) -> None:
    checkpoint.write(Path("tabla"), 1, config={"a": 2}, weights={"w": torch.ones(1)}, card="")
    assert checkpoint.read(Path("tabla")).config["a"] == 2


@pytest.mark.parametrize("path", ["tablas", "other/tabla", "../models"])
def test_no_other_path_leads_there(folder: Path, path: str) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint here; .* comes with wavegen: tabla"):
        checkpoint.read(Path(path))

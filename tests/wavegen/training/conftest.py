"""A small corpus of words, the plugin that reads it, and short runs on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from short_runs import NET, PLUGIN, SHORT, Run
from words_plugin import write_words

from wavegen import training
from wavegen.plugins import plugins
from wavegen.training import TrainingResult


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A folder of three texts."""
    folder = tmp_path / "words"
    folder.mkdir()
    for i, length in enumerate((600, 1500, 900)):
        write_words(folder / f"{i}.txt", length, seed=i)
    return folder


@pytest.fixture
def train(words: Path) -> Iterator[Run]:
    """`train(run, trainer={...})` trains a very small WaveNet on the words for twelve updates."""
    plugins().add_file(PLUGIN)

    def call(run: Path, **others: Any) -> TrainingResult:
        others["trainer"] = {**SHORT, **others.get("trainer", {})}
        if others.get("model", "wavenet") == "wavenet":
            others["model_config"] = {**NET, **others.get("model_config", {})}
        given = {"domain": "words", "sources": [str(words)], "progress": False, **others}
        return training.train(run=run, **given)

    yield call
    plugins.cache_clear()

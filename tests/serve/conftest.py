"""Two models, and the thread that plays them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import N_SLOTS, Running, loaded, running, write_run

from wavegen.playing import TrainedModel
from wavegen.scheduling.engine_thread import EngineThread
from wavegen.serve.limits import Limits


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "toy", 0)


@pytest.fixture(scope="session")
def models(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainedModel]:
    other = write_run(tmp_path_factory.mktemp("runs") / "other", 1)
    return {"toy": loaded(toy_run), "other": loaded(other)}


@pytest.fixture(scope="session")
def engine(models: dict[str, TrainedModel]) -> Iterator[EngineThread]:
    with EngineThread({name: m.part for name, m in models.items()}, slots=N_SLOTS) as thread:
        yield thread


@pytest.fixture(scope="module")
def server(models: dict[str, TrainedModel], engine: EngineThread) -> Iterator[Running]:
    """With the usual limits."""
    with running(models, engine, Limits()) as found:
        yield found

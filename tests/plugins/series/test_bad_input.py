"""Tables that nothing can be learnt from or forecast: one line each, and no run is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from test_forecast_commands import write_run
from wavegen_series.config import SeriesConfig

from wavegen.cli import main

BAD = {
    "empty": ("", "table.csv: is empty; give a table"),
    "no-rows": ("ds,y\n", "table.csv: holds no rows; give a table"),
    "text": ("ds,y\n1,1\n2,much\n", "row 3, column 'y': 'much' is no finite number; write it"),
    "infinite": ("ds,y\n1,1\n2,inf\n", "row 3, column 'y': 'inf' is no finite number; write it"),
    "order": ("ds,y\n2024-01-02,1\n2024-01-01,2\n", "row 3: 2024-01-01 follows 2024-01-02"),
    "doubled": ("ds,y\n2024-01-02,1\n2024-01-02,2\n", "row 3: 2024-01-02 stands twice in"),
    "missing": ("ds,y\n1,\n2,nan\n", "series 'table': all values are missing; fill some"),
    "one-row": ("ds,y\n1,1\n", "series 'table': has one row of values; give two at least"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = SeriesConfig(channels=("y",), head="student-t", offset=(1.0,), unit=(1.0,))
    return write_run(tmp_path_factory.mktemp("runs") / "tiny", config)


def refused(*words: object) -> str:
    """What is said of it."""
    done: Result = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("kind", BAD)
def test_bad_tables_are_one_line(run: Path, tmp_path: Path, kind: str) -> None:
    table, (text, line) = tmp_path / "table.csv", BAD[kind]
    table.write_text(text)
    new = tmp_path / "runs" / "new"
    for said in (
        refused("train", "series", table, "-o", new, "--steps", 1),
        refused("forecast", run, table, "--horizon", 3),
    ):
        assert "table.csv" in said
        assert line in said
    assert not new.parent.exists()


def test_history_is_not_counted_as_held_out(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("y\n" + "\n".join(str(t % 7) for t in range(300)))
    small = ("--model.backbone", "linear", "--model.backbone_options", "lags=2")
    words = ["train", "series", table, "-o", tmp_path / "run", "--steps", 1, *small]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert "240 steps (240 s) to train, 30 (30 s) to validate" in done.stderr


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    refused("train", "series", tmp_path / "none.csv", "-o", kept / "new", "--steps", 1)
    refused("train", "series", tmp_path / "none.csv", "-o", kept, "--steps", 1)
    assert list(kept.iterdir()) == []

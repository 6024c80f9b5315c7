"""`wavegen compare`: rows, order, picture, and what is no run."""

from __future__ import annotations

import json
from pathlib import Path

import click.testing
import pytest
from PIL import Image
from toy_run import PLUGIN, write_run

from wavegen.cli import main

STARTED = {"event": "started", "step": 0, "baselines": {"order-0": 2.0}}


def call(*words: object) -> click.testing.Result:
    line = ["--plugin", str(PLUGIN), "compare", *map(str, words)]
    return click.testing.CliRunner().invoke(main, line)


def make(run: Path, bits: float) -> Path:
    trained = {"steps": 10, "scored": 640, "seconds": 90.0, "bits_valid": bits}
    write_run(run, {"trained": trained})
    points = [(30.0, bits + 1), (90.0, bits)]
    events = [{"event": "validated", "step": 5, "seconds": s, "bits_valid": b} for s, b in points]
    text = "".join(json.dumps(line) + "\n" for line in [STARTED, *events])
    (run / "log.jsonl").write_text(text + '{"event": "vali')  # killed while it wrote
    return run


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [make(tmp_path / "worse", 1.75), make(tmp_path / "better", 1.25)]


def test_the_best_run_stands_first(runs: list[Path]) -> None:
    values = json.loads(call(*runs, "--json").stdout)
    worse, better = map(str, runs)
    assert [(row["run"], row["bits"]) for row in values["runs"]] == [(better, 1.25), (worse, 1.75)]
    first = values["runs"][0]
    assert first["model"] == "toy"
    assert (first["updates"], first["scored"], first["minutes"]) == (10, 640, 1.5)
    assert first["parameters"] > 0
    assert first["state_bytes_per_voice"] > 0
    assert values["baselines"] == {"order-0": 2.0}
    lines = call(*runs).stdout.splitlines()
    assert lines[1].startswith(better)
    assert lines[1].endswith("1.250")
    assert lines[-1] == "for comparison: order-0 2.000"


def test_the_picture_shows_every_run(runs: list[Path], tmp_path: Path) -> None:
    sizes = set[bytes]()
    for given in (runs, runs[:1]):
        assert call(*given, "--picture", tmp_path / "p.png").exit_code == 0
        with Image.open(tmp_path / "p.png") as picture:
            assert picture.format == "PNG"
            sizes.add(picture.tobytes())
    assert len(sizes) == 2


@pytest.mark.parametrize("text", ["no json\n{}\n", "[1]\n", '{"step": 1}\n'])
def test_another_file_in_place_of_the_log_is_refused(runs: list[Path], text: str) -> None:
    (runs[0] / "log.jsonl").write_text(text)
    result = call(*runs)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert f"{runs[0] / 'log.jsonl'}: line 1" in line


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    result = call(tmp_path)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "cannot be read as the log of a run" in line


def test_a_picture_needs_a_validation(runs: list[Path], tmp_path: Path) -> None:
    (runs[0] / "log.jsonl").write_text(json.dumps(STARTED) + "\n")
    result = call(runs[0], "--picture", tmp_path / "p.png")
    assert result.exit_code == 2
    assert "none of the runs has been validated" in result.stderr

"""The curve is drawn from the log, whole, and says what to install where it cannot be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from wavegen.errors import ConfigError
from wavegen.hookspecs import Event, Observer
from wavegen.observers import wavegen_observers

LOG: list[dict[str, Any]] = [
    {"event": "started", "step": 0, "baselines": {"uniform": 8.0, "order-1": 5.2}},
    {"event": "progress", "step": 1, "seconds": 2.0, "bits": 8.0},
    {"event": "progress", "step": 2, "seconds": 60.0, "bits": 4.0},
    {"event": "validated", "step": 2, "seconds": 60.0, "bits_valid": 4.2},
]


def build(run: Path) -> Observer:
    (spec,) = (spec for spec in wavegen_observers() if spec.name == "curve")
    return spec.build(run)


def write(run: Path, lines: list[dict[str, Any]]) -> None:
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_validation_draws_the_curve(tmp_path: Path) -> None:
    observer = build(tmp_path)
    write(tmp_path, LOG)
    observer.notify(Event("progress", LOG[2]))
    assert not (tmp_path / "curve.png").exists()
    observer.notify(Event("validated", LOG[3]))
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.format == "PNG"
        first = picture.tobytes()

    later = {"event": "validated", "step": 9, "seconds": 90.0, "bits_valid": 3.0}
    write(tmp_path, [*LOG, later])
    observer.notify(Event("validated", later))
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.tobytes() != first


def test_a_run_without_bits_draws_nothing(tmp_path: Path) -> None:
    write(tmp_path, LOG[:1])
    build(tmp_path).notify(Event("finished", {"step": 0}))
    assert not (tmp_path / "curve.png").exists()


def test_without_matplotlib_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'wavegen\[plot\]'"):
        build(tmp_path)

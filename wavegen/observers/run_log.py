"""What a run's `log.jsonl` says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError

Lines = Sequence[Mapping[str, Any]]


def read(log: Path) -> list[dict[str, Any]]:
    """All lines of the log; a last one that was cut short is left out.

    Raises `DataError` where the file is no log.
    """
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{log}: cannot be read as the log of a run ({error})") from error
    found = list[dict[str, Any]]()
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                break
            raise DataError(f"{log}: line {number} is no JSON; is it the log of a run?") from error
        if not isinstance(value, dict) or "event" not in value:
            raise DataError(f"{log}: line {number} is no event; is it the log of a run?")
        found.append(value)
    return found


def training(lines: Lines) -> list[tuple[float, float]]:
    """Minutes and bits of each report of the training."""
    return [(line["seconds"] / 60, line["bits"]) for line in lines if line["event"] == "progress"]


def validation(lines: Lines) -> list[tuple[float, float]]:
    """Minutes and bits of each validation."""
    return [
        (line["seconds"] / 60, line["bits_valid"])
        for line in lines
        if line["event"] == "validated" and line["bits_valid"] is not None
    ]


def baselines(lines: Lines) -> Mapping[str, float]:
    """Bits of each baseline, from the line that tells them; the newest where a run was resumed."""
    told = [line["baselines"] for line in lines if "baselines" in line]
    return told[-1] if told else {}

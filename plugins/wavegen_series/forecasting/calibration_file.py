"""What was learnt from held-out data, kept beside a run: a JSON file that is checked when read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wavegen import atomic
from wavegen.errors import CheckpointError, ConfigError

from ..series import Numbers
from .conformal import Calibration

NAME = "calibration.json"
_FORMAT = "wavegen series calibration 1"
_MAX_BYTES = 2**26


@dataclass(frozen=True)
class HeldOut:
    """Of one model with these very weights."""

    fingerprint: str
    channels: tuple[str, ...]
    calibration: Calibration
    nats: Numbers | None
    """`(N, Q)`: how surprising values were, Q quantiles evenly from the least to the most; None
    for a model without a density."""


def folder_of(run: Path) -> Path:
    """Where the calibration of a run lies, or of the checkpoint in a run that was named."""
    return run if run.is_dir() else run.parent


def is_calibrated(run: Path) -> bool:
    """Whether there is a calibration to read."""
    return (folder_of(run) / NAME).is_file()


def write(held_out: HeldOut, run: Path) -> Path:
    """Keep it beside the run's checkpoints."""
    path = folder_of(run) / NAME
    calibration = held_out.calibration
    content = {
        "format": _FORMAT,
        "fingerprint": held_out.fingerprint,
        "channels": list(held_out.channels),
        "n_forecasts": calibration.n_forecasts,
        "levels": list(calibration.levels),
        "shifts": calibration.shifts.tolist(),
        "nats": None if held_out.nats is None else held_out.nats.tolist(),
    }
    try:
        atomic.write_file(path, (json.dumps(content) + "\n").encode())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot save the calibration ({error.strerror})") from error
    return path


def read(run: Path, fingerprint: str, channels: tuple[str, ...]) -> HeldOut:
    """Read it for the model with this fingerprint.

    Raises `ConfigError` where there is none, `CheckpointError` where it is damaged or another's.
    """
    path = folder_of(run) / NAME
    if not is_calibrated(run):
        raise ConfigError(
            f"{run}: is not calibrated; run wavegen series calibrate {run} DATA first"
        )
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CheckpointError(f"{path}: is larger than {_MAX_BYTES} bytes; do not trust it")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: is damaged; calibrate again") from error
    held_out = _parsed(content)
    if held_out is None:
        raise CheckpointError(f"{path}: is damaged or of another version; calibrate again")
    if held_out.fingerprint != fingerprint or held_out.channels != channels:
        raise CheckpointError(
            f"{path}: belongs to other weights than those loaded; calibrate again"
        )
    return held_out


def _parsed(content: Any) -> HeldOut | None:
    """What a file says, or None where it says anything else."""
    match content:
        case {
            "format": str(written),
            "fingerprint": str(fingerprint),
            "channels": [*channels],
            "n_forecasts": int(n_forecasts),
            "levels": [*levels],
            "shifts": [*shifts],
            "nats": nats,
        } if written == _FORMAT and n_forecasts > 0:
            pass
        case _:
            return None
    names = tuple(name for name in channels if isinstance(name, str))
    ranks, moves = _numbers(levels, 1), _numbers(shifts, 3)
    surprise = None if nats is None else _numbers(nats, 2)
    if ranks is None or moves is None or (nats is not None and surprise is None):
        return None
    good = (
        len(names) == len(channels) == moves.shape[2]
        and len(ranks) == len(moves)
        and moves.shape[1] > 0
        and bool((ranks > 0).all() and (ranks < 1).all() and (np.diff(ranks) > 0).all())
        and (surprise is None or len(surprise) == len(names))
    )
    if not good:
        return None
    calibration = Calibration(tuple(ranks.tolist()), moves, n_forecasts)
    return HeldOut(fingerprint, names, calibration, surprise)


def _numbers(values: Any, dimensions: int) -> Numbers | None:
    """A full array of finite numbers of that many dimensions, or None."""
    try:
        array = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    good = array.ndim == dimensions and array.size > 0 and bool(np.isfinite(array).all())
    return array if good else None

"""What a listener gets of a frame.

Dimensions: T samples.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ProtocolError
from ..serve.frames import Frame
from ..serve.server_messages import Created

Pieces = Callable[[Frame], list[Any]]
"""Raises `ValueError` or `ProtocolError` where a frame does not hold what it says."""


def pieces_of(about: Created) -> Pieces:
    """What makes pieces: arrays `(T,)` float32 of sound, a dict a step of JSON, else bytes."""
    match about.kind, about.encoding:
        case "samples", "s16le":
            return lambda frame: [_samples(frame, "<i2") / np.float32(32_768)]
        case "samples", "f32le":
            return lambda frame: [_samples(frame, "<f4")]
        case _, "json":
            return lambda frame: [json.loads(line) for line in frame.payload.splitlines()]
        case _:
            return lambda frame: [frame.payload]


def _samples(frame: Frame, kind: str) -> npt.NDArray[np.float32]:
    samples = np.frombuffer(frame.payload, kind).astype(np.float32)
    if len(samples) != frame.steps:
        raise ProtocolError(f"a frame of {frame.steps} steps holds {len(samples)} samples")
    return samples

"""A very small WaveNet, and the settings of a run of twelve updates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wavegen.training import TrainingResult

PLUGIN = Path(__file__).with_name("words_plugin.py")
NET = {"stacks": 1, "layers": 3, "residual_channels": 8, "gate_channels": 16, "skip_channels": 16}
SHORT = {
    "steps": 12,
    "batch": 2,
    "window": 64,
    "validations": 2,
    "device": "cpu",
    "precision": "float32",
}

Run = Callable[..., TrainingResult]
"""`run folder, others` of `wavegen.training.train`."""

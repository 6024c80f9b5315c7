"""Curves, sounds and pictures of a run, written to `RUN/tensorboard` as they come.

Every number of an event becomes a scalar `kind/name`. Besides, an event may carry `audio` (float
samples between -1 and 1, with `rate_hz`, or the path of a sound file) and `picture` (the path of a
PNG file).
"""

from __future__ import annotations

from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import PluginError
from ..hookspecs import Event, Observer


class TensorBoard(Observer):
    """Writes what happens in a run for TensorBoard to show."""

    def __init__(self, run: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise PluginError(
                f"observer tensorboard: {error}; install it with: pip install wavegen[tensorboard]"
            ) from error
        self._writer = SummaryWriter(run / "tensorboard")

    def notify(self, event: Event) -> None:
        """Write what the event carries; all but plain progress reaches the disk at once."""
        values, step = event.values, event.values.get("step", 0)
        for name, value in values.items():
            if isinstance(value, Real) and name not in ("step", "rate_hz"):
                self._writer.add_scalar(f"{event.kind}/{name}", float(value), step)
        if "audio" in values:
            sound, rate_hz = _sound(values["audio"], values.get("rate_hz"))
            self._writer.add_audio(f"{event.kind}/audio", sound, step, sample_rate=rate_hz)
        if "picture" in values:
            picture = _pixels(values["picture"])
            self._writer.add_image(f"{event.kind}/picture", picture, step, dataformats="HWC")
        if event.kind == "finished":
            self._writer.close()
        elif event.kind != "progress":
            self._writer.flush()  # an interrupted run loses no more than the last progress


def _sound(audio: Any, rate_hz: float | None) -> tuple[npt.NDArray[np.float32], int]:
    """Mono samples `(1, T)`, which is the form TensorBoard takes, and their rate."""
    import soundfile

    if isinstance(audio, str | Path):
        channels, rate_hz = soundfile.read(audio, dtype="float32", always_2d=True)  # (T, channels)
        audio = channels.mean(axis=1)
    if rate_hz is None:
        raise ValueError("an event that carries samples as `audio` must carry `rate_hz` too")
    return np.asarray(audio, dtype=np.float32).reshape(1, -1), round(rate_hz)


def _pixels(path: str | Path) -> npt.NDArray[np.uint8]:
    """The picture `(height, width, 3)`."""
    from PIL import Image  # TensorBoard brings it

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))

"""Samples drawn while a model trains, by the engine that plays it, for observers to show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..domain import Split
from ..errors import ConfigError
from ..playing import TrainedModel
from .journal import Journal

_SOUNDS = (".wav", ".flac", ".ogg", ".mp3")


class Sampler:
    """Draws one sequence at a time, always with the same seed, so that samples compare.

    A model with conditions gets those of the first sequence of `split`. Draws take their noise
    from a generator of their own: training goes on as without them.
    """

    def __init__(
        self,
        playing: Callable[[], TrainedModel],
        split: Split,
        seconds: float,
        folder: Path,
        journal: Journal,
    ) -> None:
        self._playing, self._folder, self._journal = playing, folder, journal
        domain = playing().domain
        steps = max(1, round(seconds * domain.rate_hz))
        cond = split.read(0, 0, min(steps, int(split.lengths[0])))[1]
        self._cond, self._steps = cond, steps if cond is None else len(cond)
        static = split.static(0) if domain.labels else None
        self._label = None if static is None else domain.labels[int(static)]

    def draw(self, step: int) -> None:
        """Draw with the weights as they are now, save, and tell the observers."""
        playing = self._playing()
        symbols = playing.generate_symbols(steps=self._steps, cond=self._cond, label=self._label)
        raw = playing.domain.decode(symbols[0])
        file = self._folder / f"step-{step:08d}{playing.domain.suffixes[0]}"
        picture = file.with_suffix(".png")
        self._folder.mkdir(exist_ok=True)
        playing.domain.save(raw, file)
        told = {"step": step, "file": str(file)}
        if file.suffix in _SOUNDS:
            told["audio"] = str(file)
        try:
            playing.domain.picture(raw, picture, f"step {step}")
            told["picture"] = str(picture)
        except ConfigError as error:  # nothing to draw with: no reason to stop a training
            self._journal.warn(str(error))
        self._journal.tell("sampled", told)

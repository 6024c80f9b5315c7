"""The observers that come with wavegen, through the same door as everybody's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..hookspecs import Observer, ObserverSpec, hookimpl


@hookimpl
def wavegen_observers() -> Iterable[ObserverSpec]:
    """A picture of the curve, and TensorBoard."""
    yield ObserverSpec("curve", _curve, "a picture of the training curve: RUN/curve.png")
    yield ObserverSpec("tensorboard", _tensorboard, "curves, sounds and pictures in TensorBoard")


def _curve(run: Path) -> Observer:
    from .curve import Curve

    return Curve(run)


def _tensorboard(run: Path) -> Observer:
    from .tensorboard import TensorBoard

    return TensorBoard(run)

"""The observers that come with wavegen, through the same door as everybody's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..hookspecs import Observer, ObserverSpec, hookimpl


@hookimpl
def wavegen_observers() -> Iterable[ObserverSpec]:
    """Offer TensorBoard."""
    yield ObserverSpec("tensorboard", _tensorboard, "curves, sounds and pictures in TensorBoard")


def _tensorboard(run: Path) -> Observer:
    from .tensorboard import TensorBoard

    return TensorBoard(run)

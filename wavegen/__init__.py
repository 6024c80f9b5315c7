"""wavegen: train autoregressive models of sequences and play them, one step at a time.

`import wavegen` imports no torch; each public name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .client import Connection, connect
    from .controls import Controls
    from .domain import Domain
    from .errors import WavegenError
    from .hookspecs import DomainSpec, FilterSpec, ModelSpec, Observer, ObserverSpec, hookimpl
    from .model import SequenceModel, SequenceSpec
    from .playing import TrainedModel, load
    from .program.player import Player, play
    from .training import train

_HOME = {
    "Connection": "client",
    "Controls": "controls",
    "Domain": "domain",
    "DomainSpec": "hookspecs",
    "FilterSpec": "hookspecs",
    "ModelSpec": "hookspecs",
    "Observer": "hookspecs",
    "ObserverSpec": "hookspecs",
    "Player": "program.player",
    "SequenceModel": "model",
    "SequenceSpec": "model",
    "TrainedModel": "playing",
    "WavegenError": "errors",
    "connect": "client",
    "hookimpl": "hookspecs",
    "load": "playing",
    "play": "program.player",
    "train": "training",
}

__all__ = [
    "Connection",
    "Controls",
    "Domain",
    "DomainSpec",
    "FilterSpec",
    "ModelSpec",
    "Observer",
    "ObserverSpec",
    "Player",
    "SequenceModel",
    "SequenceSpec",
    "TrainedModel",
    "WavegenError",
    "__version__",
    "connect",
    "hookimpl",
    "load",
    "play",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'wavegen' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__

"""Training: from a folder of files to a checkpoint that plays. Importing this imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .config import TrainerConfig

if TYPE_CHECKING:
    from .run import TrainingResult, train

__all__ = ["TrainerConfig", "TrainingResult", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import run

    return getattr(run, name)

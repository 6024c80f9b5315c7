"""Trained models that come with wavegen, by name."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = (_PACKAGE / "assets" / "models", _PACKAGE.parent / "assets" / "models")
"""Where a wheel has them, and where a checkout does."""


def names() -> list[str]:
    """What can be given in place of a run."""
    return sorted(path.name for folder in _FOLDERS for path in folder.glob("*") if path.is_dir())


def instead_of(path: Path) -> Path:
    """The checkpoint of that name where `path` is a bare name of one and no such file is here."""
    if path.exists() or path.name not in names() or path != Path(path.name):
        return path
    return next(folder / path for folder in _FOLDERS if (folder / path).is_dir())

"""Files and folders that appear whole or not at all, whenever the machine stops.

Everything is written under a temporary name in the same folder, forced to the disk, and renamed:
a reader sees the old content or the new, never a part of either.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

_MARK = ".unfinished-"


def write_file(path: Path, content: bytes) -> None:
    """Write or replace one file."""
    temporary = _beside(path)
    try:
        _write(temporary, content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder `path`, which must not exist yet; `files` are in the order of writing."""
    temporary = _beside(path)
    try:
        temporary.mkdir(parents=True)
        for name, content in files.items():
            target = temporary / name
            target.parent.mkdir(exist_ok=True)
            _write(target, content)
        for folder in (*(f for f in temporary.rglob("*") if f.is_dir()), temporary):
            _sync(folder)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync(path.parent)


def remove_folder(path: Path) -> None:
    """Take the folder away in one rename, then delete it: no half of it keeps its name."""
    temporary = _beside(path)
    path.rename(temporary)
    shutil.rmtree(temporary)


def sweep(folder: Path) -> None:
    """Delete what writers that were killed left behind in `folder`."""
    for stale in folder.glob(f"{_MARK}*"):
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f"{_MARK}{os.getpid()}-{path.name}")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Force the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Pieces that took long to read, kept as small files: MusicXML needs a tenth of a second a piece.

Dimensions: T steps.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from wavegen.errors import DataError

from .grid import ChoraleGrid, Key, Reading
from .reading import MUSICXML, read_content
from .sources import SourceFile

_VERSION = 1
"""Goes up when a file would be read differently."""


def read_cached(file: SourceFile, folder: Path) -> Reading:
    """A file's grid, from the folder where it was read before. Raises `DataError`."""
    if Path(file.name).suffix.lower() not in MUSICXML:
        return read_content(file.content, file.name)
    path = folder / f"v{_VERSION}" / f"{file.sha256}.npz"
    kept = _load(path, file.name)
    if kept is None:
        kept = read_content(file.content, file.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(_packed(kept))
        temporary.replace(path)
    return kept


def _packed(reading: Reading) -> bytes:
    grid, file = reading.grid, io.BytesIO()
    facts = json.dumps([grid.bar_steps, grid.key, grid.bpm, list(reading.notes)])
    np.savez_compressed(
        file,
        pitch=grid.pitch,
        attack=grid.attack,
        fermata=grid.fermata,
        pos=grid.pos,
        facts=np.frombuffer(facts.encode(), np.uint8),
    )
    return file.getvalue()


def _load(path: Path, name: str) -> Reading | None:
    """What was kept, or None where nothing was, or where it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            bar_steps, key, bpm, notes = json.loads(arrays["facts"].tobytes())
            grid = ChoraleGrid(
                arrays["pitch"],
                arrays["attack"],
                arrays["fermata"],
                arrays["pos"],
                bar_steps,
                Key(*key) if key else None,
                bpm,
                name,
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, DataError):
        return None
    return Reading(grid, tuple(notes))

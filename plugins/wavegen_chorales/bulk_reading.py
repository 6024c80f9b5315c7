"""Many files: MIDI by the fast reader, MusicXML from a cache, since it takes a tenth of a second.

Dimensions: T steps.
"""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import numpy as np

from wavegen.errors import DataError

from .grid import ChoraleGrid, Key, Reading
from .midi_fast import read_midi_fast
from .reading import MIDI, MUSICXML, read_content
from .sources import SourceFile

_TOLD_EVERY = 50
_VERSION = 1
"""Goes up when a file would be read differently."""


class BulkReader:
    """Reads one file after the other, and says on standard error what takes long."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / f"v{_VERSION}"
        self._parsed = 0

    def read(self, file: SourceFile) -> Reading:
        """A file's grid. Raises `DataError`."""
        ending = Path(file.name).suffix.lower()
        if ending in MIDI:
            return read_midi_fast(file.content, file.name)
        if ending not in MUSICXML:
            return read_content(file.content, file.name)
        path = self._folder / f"{file.sha256}.npz"
        kept = _load(path, file.name)
        if kept is None:
            kept = read_content(file.content, file.name)
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_bytes(_packed(kept))
            temporary.replace(path)
            self._parsed += 1
            if self._parsed % _TOLD_EVERY == 0:
                print(f"{self._parsed} MusicXML files read; they are kept", file=sys.stderr)
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
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
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

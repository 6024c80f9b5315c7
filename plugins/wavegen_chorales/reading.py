"""One file to a grid, by its ending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wavegen.errors import DataError

from .csv_files import read_csv
from .grid import Reading

MIDI = (".mid", ".midi")
MUSICXML = (".musicxml", ".mxl", ".xml")
READ = (*MIDI, *MUSICXML, ".csv")
"""Endings of the files that are read."""
MAX_BYTES = 16 * 2**20


def read(path: Path) -> Reading:
    """A piece in four voices. Raises `DataError` with the path, what is wrong, and the cure."""
    return read_content(content_of(path), str(path))


def read_content(content: bytes, name: str) -> Reading:
    """The same for bytes that lie elsewhere; the ending of `name` tells what they are."""
    return _reader(Path(name).suffix.lower(), name)(content, name)


def content_of(path: Path) -> bytes:
    """The bytes of a file of reasonable size."""
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            raise DataError(f"{path}: {what}; give a file that ends in {', '.join(READ)}")
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; a piece has less")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def _reader(ending: str, name: str) -> Callable[[bytes, str], Reading]:
    if ending in MIDI:
        from .midi_reading import read_midi

        return read_midi
    if ending in MUSICXML:
        from .musicxml_reading import read_musicxml

        return read_musicxml
    if ending == ".csv":
        return read_csv
    raise DataError(f"{name}: cannot read {ending or 'no ending'!r}; use {', '.join(READ)}")

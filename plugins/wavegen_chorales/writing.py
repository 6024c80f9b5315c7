"""Files out, in the form of their ending."""

from __future__ import annotations

from pathlib import Path

from wavegen.errors import DataError

from .grid import ChoraleGrid


def write(grid: ChoraleGrid, path: Path) -> None:
    """Write a piece as notes, sound or picture. Raises `DataError`."""
    ending = path.suffix.lower()
    try:
        if ending in (".mid", ".midi"):
            from .midi_writing import midi_bytes

            path.write_bytes(midi_bytes(grid))
        elif ending == ".csv":
            from .csv_files import csv_bytes

            path.write_bytes(csv_bytes(grid))
        elif ending in (".musicxml", ".xml"):
            from .musicxml_writing import write_musicxml

            write_musicxml(grid, path)
        elif ending == ".wav":
            from .organ import write_wav

            write_wav(grid, path)
        elif ending == ".png":
            from .roll import draw_roll

            draw_roll(grid, path, path.stem)
        elif ending == ".svg":
            from .score import write_svg

            write_svg(grid, path)
        else:
            raise DataError(
                f"{path}: cannot write {ending or 'no ending'!r}; use .mid, .musicxml, .csv, .wav, "
                ".png or .svg"
            )
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; choose another place") from error

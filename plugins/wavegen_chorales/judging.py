"""What a user names, as sets of chorales to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wavegen.errors import DataError

from .grid import ChoraleGrid
from .reading import READ, read_content
from .sources import find

_LOOSE = "files"
_SHOWN = 10


def sets_of(sources: Sequence[str]) -> tuple[dict[str, list[ChoraleGrid]], list[str]]:
    """The pieces of each source by its name, single files together, and what is worth a word.

    What cannot be read is left out, with a word. Raises `DataError` where a set has no piece left.
    """
    sets: dict[str, list[ChoraleGrid]] = {}
    words: list[str] = []
    for source in dict.fromkeys(sources):
        is_one = Path(source).suffix.lower() in READ and not Path(source).is_dir()
        name = _LOOSE if is_one else source
        grids = sets.setdefault(name, [])
        for file in find([source]):
            try:
                reading = read_content(file.content, file.name)
                if not reading.grid.attack.any():
                    raise DataError(f"{file.name}: there is no note to judge")
            except DataError as error:
                words.append(f"left out {error}")
                continue
            grids.append(reading.grid)
            words += [f"{file.name}: {word}" for word in reading.notes]
    for name, grids in sets.items():
        if not grids:
            raise DataError(words[0].removeprefix("left out ") if words else f"{name}: no pieces")
    hidden = len(words) - _SHOWN
    return sets, words[:_SHOWN] + [f"and {hidden} more notes on files"] * (hidden > 0)

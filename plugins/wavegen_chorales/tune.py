"""A tune from a file: what the harmoniser starts from.

Dimensions: T steps.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from wavegen.errors import DataError

from .csv_files import COLUMNS, columns
from .grid import REST, ChoraleGrid, Reading
from .midi_reading import read_midi_tune
from .musicxml_reading import read_musicxml_tune
from .reading import MIDI, MUSICXML, READ, content_of


def load_tune(path: Path) -> Reading:
    """The one voice of a file, or the soprano of four, as a grid whose other voices rest.

    `grid.pitch[:, 0]` and `grid.attack[:, 0]` `(T,)` are the tune; key, metre, tempo and fermatas
    are those of the file. Raises `DataError`.
    """
    name, ending = str(path), path.suffix.lower()
    if ending in MIDI:
        return read_midi_tune(content_of(path), name)
    if ending in MUSICXML:
        return read_musicxml_tune(content_of(path), name)
    if ending != ".csv":
        raise DataError(f"{name}: cannot read {ending or 'no ending'!r}; use {', '.join(READ)}")
    tune = columns(content_of(path), name, COLUMNS[:1])
    others = np.full((len(tune), 3), REST, np.int8)
    if (tune == REST).all():
        raise DataError(f"{name}: the tune {COLUMNS[0]} has no notes")
    return Reading(replace(ChoraleGrid.of(np.hstack([tune, others])), source=name))

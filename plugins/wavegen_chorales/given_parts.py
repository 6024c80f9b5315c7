"""Which part of a piece is given, and where a given tune has to lie.

Dimensions: T steps; voices in the order of a grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

from .codec import HIGHEST, LOWEST
from .grid import REST, UNKNOWN, VOICES, ChoraleGrid, Flags, name_of

SOPRANO_LOW, SOPRANO_HIGH = 60, 81
"""What sopranos sing in the 229 training chorales of the common split."""


def brought_into_range(tune: ChoraleGrid) -> int:
    """By how many semitones a tune is to be moved so that a soprano can sing it, the fewest.

    A tune wider than a soprano's range is moved into what the model knows. Raises `DataError`
    where that is too narrow as well.
    """
    sung = tune.pitch[:, 0][tune.pitch[:, 0] != REST].astype(int)
    if not len(sung):
        raise DataError(f"{tune.source or 'tune'}: there is no note to harmonize")
    low, high = int(sung.min()), int(sung.max())
    bounds = (SOPRANO_LOW, SOPRANO_HIGH)
    if high - low > SOPRANO_HIGH - SOPRANO_LOW:
        bounds = (LOWEST, HIGHEST)
    if high - low > bounds[1] - bounds[0]:
        raise DataError(
            f"{tune.source or 'tune'}: it goes from {name_of(low)} to {name_of(high)}, further "
            f"than from {name_of(LOWEST)} to {name_of(HIGHEST)}; leave out what is no tune"
        )
    move = max(0, bounds[0] - low) - max(0, high - bounds[1])
    if move > LOWEST:
        raise DataError(
            f"{tune.source or 'tune'}: {name_of(low)} is too low for a tune, as there is no room "
            "for a bass below it; transpose it some octaves up"
        )
    return move


def cells_of(grid: ChoraleGrid, voices: Sequence[str], bars: tuple[int, int] | None) -> Flags:
    """The cells `(T, 4)` of voices in the bars from the first to the last; None: in all.

    Full bars count from 1, and a pickup is bar 0. Raises `DataError` where no bar is there.
    """
    numbers = bars_of(grid)
    cells = np.zeros(grid.pitch.shape, np.bool_)
    inside = np.ones(len(grid), np.bool_)
    if bars is not None:
        inside = (numbers >= bars[0]) & (numbers <= bars[1])
        if not inside.any():
            raise DataError(
                f"{grid.source or 'piece'}: has the bars {numbers[0]} to {numbers[-1]}, not "
                f"{bars[0]}-{bars[1]}"
            )
    for voice in voices:
        cells[:, VOICES.index(voice)] = inside
    return cells


def bars_of(grid: ChoraleGrid) -> npt.NDArray[np.int64]:
    """The number of the bar `(T,)` that each step is in; bars of `bar_steps` where none is told."""
    steps = np.arange(len(grid))
    if not len(grid) or grid.pos[0] == UNKNOWN:
        return steps // grid.bar_steps + 1
    return (grid.pos == 0).cumsum()

"""The notes of each voice of a grid: where each begins, how long it sounds, how high it is.

Dimensions: T steps, N notes of a voice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .grid import REST, ChoraleGrid


class Notes(NamedTuple):
    """The notes of one voice in order; what lies between them is rest."""

    starts: npt.NDArray[np.int64]
    """`(N,)` first step of each."""
    lengths: npt.NDArray[np.int64]
    """`(N,)` steps, at least 1."""
    pitches: npt.NDArray[np.int64]
    """`(N,)` MIDI numbers."""


def notes_of(grid: ChoraleGrid) -> list[Notes]:
    """The notes of soprano, alto, tenor and bass.

    A note that the first step goes on with counts as one that begins there.
    """
    found = []
    for voice in range(4):
        pitch = grid.pitch[:, voice].astype(np.int64)
        begins = grid.attack[:, voice].copy()
        begins[:1] = True
        begins[1:] |= (pitch[1:] == REST) & (pitch[:-1] != REST)  # a rest ends a note
        starts = np.flatnonzero(begins)
        lengths = np.diff(starts, append=len(pitch))
        sounding = pitch[starts] != REST
        found.append(Notes(starts[sounding], lengths[sounding], pitch[starts[sounding]]))
    return found

"""The battery: what can be counted about one chorale, and how a set differs from another.

Each number has a value of Bach's own beside which it means something: see `battery_reference`.

Dimensions: T steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavegen.errors import DataError

from .battery_harmony import dissonance, ends_with_triad, fit_key, sonorities
from .battery_motion import direct, intervals, leaps, parallels, position
from .grid import ChoraleGrid
from .shares import percent
from .voice_notes import notes_of

METRICS = {
    "parallel_fifths_per_100_notes": "parallel fifths /100 notes",
    "parallel_octaves_per_100_notes": "parallel octaves, unisons /100 notes",
    "direct_outer_per_100_notes": "direct 5ths, 8ves of outer voices /100 notes",
    "crossing_pct": "voices crossed, % steps",
    "upper_gap_pct": "S-A or A-T over an octave, % steps",
    "lower_gap_pct": "T-B over a twelfth, % steps",
    "triad_pct": "triads or parts of one, % beats",
    "seventh_pct": "seventh chords, % beats",
    "other_chord_pct": "other chords, % beats",
    "dissonant_pct": "dissonant pairs of voices, %",
    "key_correlation": "correlation with a key",
    "in_scale_pct": "in the scale of that key, %",
    "steps_pct": "melodic steps, % moves",
    "repeated_pct": "repeated notes, % moves",
    "over_octave_pct": "leaps over an octave, % moves",
    "tritone_pct": "tritone leaps, % moves",
    "sixteenth_pct": "sixteenths, % notes",
    "eighth_pct": "eighths, % notes",
    "quarter_pct": "quarters, % notes",
    "half_pct": "halves and longer, % notes",
    "notes_per_step": "notes per step",
    "final_triad_pct": "ends with a triad, % pieces",
}
"""What `describe` counts, in order, with the words of a table."""


def describe(grid: ChoraleGrid) -> dict[str, float]:
    """All of `METRICS` for one piece. Raises `DataError` where there is no note."""
    voices = notes_of(grid)
    lengths = np.concatenate([notes.lengths for notes in voices])
    n_notes = len(lengths)
    if not n_notes:
        raise DataError(f"{grid.source or 'grid'}: there is no note to judge")
    fifths, octaves = parallels(grid)
    key = fit_key(grid)
    found = {
        "parallel_fifths_per_100_notes": percent(fifths, n_notes),
        "parallel_octaves_per_100_notes": percent(octaves, n_notes),
        "direct_outer_per_100_notes": percent(direct(grid), n_notes),
        **position(grid),
        **sonorities(grid),
        "dissonant_pct": dissonance(grid),
        "key_correlation": key.correlation,
        "in_scale_pct": key.in_scale_pct,
        **leaps(np.concatenate([intervals(notes) for notes in voices])),
        "sixteenth_pct": percent((lengths == 1).sum(), n_notes),
        "eighth_pct": percent((lengths == 2).sum(), n_notes),
        "quarter_pct": percent((lengths == 4).sum(), n_notes),
        "half_pct": percent((lengths >= 8).sum(), n_notes),
        "notes_per_step": n_notes / len(grid),
        "final_triad_pct": 100.0 * ends_with_triad(grid),
    }
    return {name: found[name] for name in METRICS}


def summarize(grids: Sequence[ChoraleGrid]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over pieces of each metric.

    Raises `DataError` where there is no piece, or one without a note.
    """
    if not grids:
        raise DataError("there are no pieces to judge")
    rows = [describe(grid) for grid in grids]
    values = {name: np.array([row[name] for row in rows]) for name in METRICS}
    return {name: (float(each.mean()), float(each.std())) for name, each in values.items()}

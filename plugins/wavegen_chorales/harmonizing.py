"""Notes around given notes: a tune gets its other voices, a gap in a piece is filled.

Dimensions: T steps; voices in the order of a grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from wavegen.controls import Controls
from wavegen.errors import ConfigError
from wavegen.playing import TrainedModel

from .battery_harmony import fit_key
from .domain import ChoralesDomain
from .grid import REST, ChoraleGrid, Flags, Key
from .model import Chorale


@dataclass(frozen=True)
class Filled:
    """A piece with new notes between the given ones."""

    grid: ChoraleGrid
    nats_per_cell: float
    """How surprising its new notes are to the model, for each voice and sixteenth."""
    assumed_key: Key | None
    """The key that the model was told, where the piece says none."""


def fill(
    model: TrainedModel,
    grid: ChoraleGrid,
    given: Flags,
    n: int = 1,
    *,
    seed: int = 0,
    controls: Controls,
) -> list[Filled]:
    """n pieces with the notes of `grid` that `given` `(T, 4)` marks, and new ones elsewhere.

    The i-th has the seed `seed + i`. All that is given is known to the model from the start; where
    it is not in a known key, the model is told the one that fits it best, as it was in training.
    (Of the 77 pieces of the common test split, given their sopranos: 0.3891 nats a new cell with
    that key, 0.3926 with none.) Raises `ConfigError` for a model that cannot be given notes.
    """
    domain = keeper(model)
    key = _fitting_key(domain, grid, given)
    rows = domain.told(replace(grid, key=grid.key or key), given)
    drawn = model.generate_symbols(n, steps=len(grid), seed=seed, controls=controls, cond=rows)
    free = int((~given).sum())
    filled: list[Filled] = []
    for events in drawn:
        notes = domain.decode(events)
        # An alphabet without held notes cannot say where a given note is struck again.
        attack = np.where(given, grid.attack, notes.attack)
        nats = float(model.score_symbols(events, rows).double().sum()) * math.log(2)
        piece = replace(grid, pitch=notes.pitch, attack=attack, source="")
        filled.append(Filled(piece, nats / free if free else 0.0, key))
    return filled


def _fitting_key(domain: ChoralesDomain, grid: ChoraleGrid, given: Flags) -> Key | None:
    """The key of what is given, where none is known and the model has a use for it."""
    sounding = given & (grid.pitch != REST)
    if grid.key is not None or "key" not in domain.config.conditions or not sounding.any():
        return None
    return fit_key(replace(grid, pitch=np.where(sounding, grid.pitch, REST).astype(np.int8))).key


def keeper(model: TrainedModel) -> ChoralesDomain:
    """The domain of a model that can be given notes. Raises `ConfigError` for any other."""
    domain = model.domain
    if not isinstance(domain, ChoralesDomain):
        raise ConfigError("this model knows no chorales; train one with wavegen train chorales")
    if "given" not in domain.config.conditions:
        raise ConfigError(
            "this model was trained without the condition given, so no notes can be given to it; "
            "train one with it among domain.conditions, as it is when they are left alone"
        )
    if not (isinstance(model.model, Chorale) and model.model.keeps_given):
        raise ConfigError(
            "this model may alter the notes that it is given; train one with --model chorale"
        )
    return domain

"""A model under a published protocol: nats and hits of every cell, and what they come to.

Dimensions: F steps of all windows end to end, T steps of one, 4 values in drawing order, K classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch

from wavegen.errors import DataError
from wavegen.playing import TrainedModel

from .cell_scoring import cell_logits
from .codec import DRAWING_ORDER
from .grid import VOICES, Flags
from .ngram import Ints
from .protocols import Protocol, Window, first_scored, windows

_TOGETHER = 64
"""Windows of one length that are read at once; bounds the memory."""

_COMMON_SPLIT = {
    "valid": "c57cc2e278697b1d2c6db6f7ce59c64bff0700796274c01b3b629fed57588413",
    "test": "8660291de3ace571242a81d766237a154be7690b27113bd16a088bc9c748d28d",
}
"""sha256 of the pieces of the split that papers use, in pitches without holds, in any order."""


@dataclass(frozen=True)
class Cells:
    """Every cell that was read."""

    piece: npt.NDArray[np.int64]
    """`(F,)` the piece of each step."""
    counts: Flags
    """`(F, 4)` whether the cell is scored."""
    nats: npt.NDArray[np.float64]
    """`(F, 4)` -log p of the cell, given all before it."""
    hit: Flags
    """`(F, 4)` whether the likeliest class is the true one."""
    stays: Flags
    """`(F, 4)` whether the voice is where it was a step before; silence comes before a window."""


def read_cells(model: TrainedModel, pieces: Sequence[Ints], protocol: Protocol) -> Cells:
    """Read the pieces, events `(T, 4)`, as the protocol says. Raises `DataError` for none."""
    found: list[Cells] = []
    spans = windows(protocol, [len(events) for events in pieces])
    for _, alike in groupby(spans, lambda window: window.stop - window.start):
        group = list(alike)
        for first in range(0, len(group), _TOGETHER):
            some = group[first : first + _TOGETHER]
            found += _read(model, pieces, some, first_scored(protocol))
    if not found:
        raise DataError(f"no piece is long enough for a window of the protocol {protocol}")
    return Cells(*(np.concatenate(parts) for parts in zip(*map(_fields, found), strict=True)))


def measures(cells: Cells) -> dict[str, float]:
    """What the cells come to: nats a note and a step, and shares of hits.

    `micro` is the mean of all notes, `macro` the mean of the means of the pieces. A step counts
    where all its cells do; `change` is of the steps where a voice leaves what it sang, or falls
    silent, or enters.
    """
    whole = np.all(cells.counts, axis=1)
    step_nats = cells.nats.sum(axis=1)
    step_hit, step_stays = np.all(cells.hit, axis=1), np.all(cells.stays, axis=1)
    changes = whole & ~step_stays
    nats = np.where(cells.counts, cells.nats, 0.0).sum(axis=1)
    per_piece = np.bincount(cells.piece, nats) / np.bincount(cells.piece, cells.counts.sum(axis=1))
    by_voice = {
        VOICES[voice]: float(cells.nats[:, value][cells.counts[:, value]].mean())
        for value, voice in enumerate(DRAWING_ORDER)
    }
    return {
        "micro": float(cells.nats[cells.counts].mean()),
        "macro": float(np.nanmean(per_piece)),
        **{voice: by_voice[voice] for voice in VOICES},
        "accuracy": float(cells.hit[cells.counts].mean()),
        "step_nats": float(step_nats[whole].mean()),
        "step_accuracy": float(step_hit[whole].mean()),
        "change_nats": float(step_nats[changes].mean()),
        "change_share": float(changes[whole].mean()),
        "copied_accuracy": float(cells.stays[cells.counts].mean()),
        "copied_step_accuracy": float(step_stays[whole].mean()),
    }


def is_common_split(pieces: Sequence[Ints], split: str) -> bool:
    """Whether these are the pieces that papers score, note for note."""
    return _checksum(pieces) == _COMMON_SPLIT[split]


def _checksum(pieces: Sequence[Ints]) -> str:
    each = sorted(hashlib.sha256(events.astype("<i8").tobytes()).digest() for events in pieces)
    return hashlib.sha256(b"".join(each)).hexdigest()


def _read(
    model: TrainedModel, pieces: Sequence[Ints], group: Sequence[Window], first: int
) -> list[Cells]:
    """The cells of windows of one length."""
    events = np.stack([pieces[window.piece][window.start : window.stop] for window in group])
    x = torch.from_numpy(events)
    logits = cell_logits(model, x).double()
    nats = -logits.log_softmax(-1).gather(-1, x[..., None])[..., 0].numpy()
    hit = (logits.argmax(-1) == x).numpy()
    before = np.pad(events, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    counts = np.ones(events.shape[1:], np.bool_)
    counts.flat[:first] = False
    return [
        Cells(np.full(len(own), window.piece), counts, nats[i], hit[i], own == before[i])
        for i, (window, own) in enumerate(zip(group, events, strict=True))
    ]


def _fields(cells: Cells) -> tuple[npt.NDArray[np.generic], ...]:
    return cells.piece, cells.counts, cells.nats, cells.hit, cells.stays

"""How published figures on chorales were measured: which steps are read anew, which cells count.

    p1      whole pieces, every cell: what papers call nats a note (Huang 2018, Music Transformer)
    geron   windows of 33 steps, each begun anew, every cell but the first: chapter 15 of "Hands-On
            Machine Learning" (Geron 2019), whose windows begin every 16 steps as long as they are
            full

Dimensions: W windows, T steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Protocol = Literal["p1", "geron"]

_GERON_STEPS, _GERON_SHIFT = 33, 16


class Window(NamedTuple):
    """Steps of one piece that are read as if nothing had been before them."""

    piece: int
    start: int
    stop: int


def windows(protocol: Protocol, lengths: Sequence[int]) -> list[Window]:
    """What is read, of pieces of so many steps."""
    if protocol == "p1":
        return [Window(piece, 0, length) for piece, length in enumerate(lengths)]
    return [
        Window(piece, start, start + _GERON_STEPS)
        for piece, length in enumerate(lengths)
        for start in range(0, length - _GERON_STEPS + 1, _GERON_SHIFT)
    ]


def first_scored(protocol: Protocol) -> int:
    """The first cell of a window that counts. A window of Geron's is told its first soprano."""
    return 0 if protocol == "p1" else 1

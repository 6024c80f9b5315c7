"""Train, validation and test: which file goes where, and reading them in windows.

Dimensions: T time, C condition channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wavegen.domain import Split

from .codec import Codec

SplitName = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Section:
    """A stretch of one prepared recording, on disk."""

    name: str
    stored: npt.NDArray
    """`(T,)` as its codec stores samples."""
    frames: npt.NDArray[np.float32] | None
    """`(T / hop, C)` condition frames, or None."""
    start: int
    stop: int
    label: int | None


class AudioSplit(Split):
    """Sections of recordings, read from the memory map."""

    def __init__(self, sections: Sequence[Section], codec: Codec, hop: int) -> None:
        self._sections, self._codec, self._hop = list(sections), codec, hop

    @property
    def names(self) -> Sequence[str]:
        """The files' paths."""
        return [section.name for section in self._sections]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """`(N,)` samples of each."""
        return np.array([s.stop - s.start for s in self._sections], dtype=np.int64)

    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Symbols `(T,)` and conditions `(T, C)`: each sample has the frame it lies in."""
        section = self._sections[index]
        start, stop = section.start + start, section.start + stop
        symbols = torch.from_numpy(self._codec.symbols(section.stored[start:stop]))
        if section.frames is None:
            return symbols, None
        rows = section.frames[np.arange(start, stop) // self._hop]
        return symbols, torch.from_numpy(rows)

    def static(self, index: int) -> Tensor | None:
        """The class id `()`."""
        label = self._sections[index].label
        return None if label is None else torch.tensor(label)


def assign(
    digests: Sequence[str], valid_percent: float, test_percent: float, seed: int
) -> list[SplitName]:
    """The split of each file by its content's digest alone, so that added files move no other.

    One exception: where chance holds out none of two or more files, the one nearest to it is
    validation.
    """
    chance = [_chance(digest, seed) for digest in digests]
    names: list[SplitName] = [
        "valid" if u < valid_percent else "test" if u < valid_percent + test_percent else "train"
        for u in (100 * c for c in chance)
    ]
    ranked = sorted(range(len(names)), key=chance.__getitem__)
    if len(names) >= 2 and "valid" not in names:
        names[ranked[0]] = "valid"
    if len(names) >= 2 and "train" not in names:
        names[ranked[-1]] = "train"
    return names


def _chance(digest: str, seed: int) -> float:
    """A number in [0, 1) that only content and seed decide."""
    word = hashlib.sha256(f"{seed}:{digest}".encode()).digest()[:8]
    return int.from_bytes(word, "big") / 2**64

"""Train, validation and test: reading the files of each in windows.

Dimensions: T time, C condition channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from wavegen.domain import Split

from .codec import Codec


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

"""The contract of a domain: what a sequence is, on disk, in memory and to a listener.

Dimensions: T time, E event shape, C condition channels, D static channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .domain_player import ArrayDecoder, Symbols, same_shapes
from .domain_player import StreamFormat as StreamFormat
from .errors import ConfigError
from .heads import Head
from .labels import class_of
from .model import SequenceModel, SequenceSpec

Raw = TypeVar("Raw")
"""A sequence as people know it: samples between -1 and 1, a grid of notes, a column of prices."""


class Split(ABC):
    """The sequences of one split (train, validation or test), read in windows.

    Sequences may lie on disk: a corpus larger than memory trains.
    """

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """Where each sequence came from."""

    @property
    @abstractmethod
    def lengths(self) -> npt.NDArray[np.int64]:
        """`(N,)` steps of each sequence."""

    @abstractmethod
    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Symbols `x[start:stop]` `(T, *E)` and their conditions `(T, C)`, or None.

        Row t of the conditions belongs to symbol t. 0 <= start <= stop <= length. Real symbols may
        be NaN where a value is missing, if the model can read that.
        """

    def target(self, index: int, start: int, stop: int) -> Tensor | None:
        """What is to be predicted, `(T, *E')`, where that is not the symbols `x[start:stop]`.

        A value that is missing (NaN, or class -1) is not scored: so a history can be read only, and
        a model can be asked for a whole horizon at each step. None is the symbols themselves.
        """
        return None

    @abstractmethod
    def static(self, index: int) -> Tensor | None:
        """The sequence's own condition: a class id `()` int64, a vector `(D,)`, or None."""


@dataclass(frozen=True)
class Corpus:
    """Prepared data, and the domain as it stands after looking at them (its labels, say)."""

    domain: Domain[Any]
    train: Split
    valid: Split
    test: Split
    report: Mapping[str, Any]
    """What was kept, dropped and why; plain JSON values, kept in the run. Where it has `notes`, a
    list of lines, training shows them."""


class Decoder(ABC, Generic[Raw]):
    """Symbols in, playable pieces out, in order: what a stream plays.

    The pieces end to end equal `Domain.decode` of all symbols, for every way of cutting them.
    """

    @abstractmethod
    def push(self, x: Tensor) -> Raw:
        """The piece that the next symbols `(T, *E)` complete; it may be empty."""

    @abstractmethod
    def finish(self) -> Raw:
        """What is still held back, once no more symbols will come."""

    def memory(self) -> Mapping[str, Symbols]:
        """All that it remembers of the symbols so far; by default that is nothing."""
        return {}

    def recall(self, memory: Mapping[str, Symbols]) -> None:
        """Go on from what another one remembered. Raises `CheckpointError` where it cannot."""
        same_shapes(memory, self.memory())


@final
class TensorDecoder(Decoder[Raw]):
    """The decoder of a `DomainPlayer`, for tensors."""

    def __init__(self, inner: ArrayDecoder[Raw]) -> None:
        self._inner = inner

    def push(self, x: Tensor) -> Raw:
        """The piece that the next symbols `(T, *E)` complete."""
        return self._inner.push(x.cpu().numpy())

    def finish(self) -> Raw:
        """What is still held back."""
        return self._inner.finish()

    def memory(self) -> Mapping[str, Symbols]:
        """What the inner one remembers."""
        return self._inner.memory()

    def recall(self, memory: Mapping[str, Symbols]) -> None:
        """Hand it to the inner one."""
        self._inner.recall(memory)


class Conditioner(ABC, Generic[Raw]):
    """A raw sequence in, conditions out, while it arrives.

    The rows end to end equal `Domain.conditions` of the whole sequence, for every way of cutting.
    """

    latency: int
    """How many more steps of input it takes before the row of a step is known."""

    @abstractmethod
    def push(self, piece: Raw) -> Tensor:
        """The rows `(T, C)` that this piece completes; T may be 0."""

    @abstractmethod
    def finish(self) -> Tensor:
        """The rows still held back, once the input has ended."""


class Domain(ABC, Generic[Raw]):
    """Files to symbols and back, for one kind of sequence. It is built from its config alone."""

    config: Any
    """The frozen dataclass it was built from, as it goes into a checkpoint."""
    rate_hz: float
    """Steps per second of playing time."""
    default_seconds: float = 4.0
    """How long a new sequence is where nobody says."""
    start: Tensor
    """The start symbol `(*E)`: it fills the receptive field before a sequence begins."""
    cond_channels: int = 0
    """C; 0 where there is no per-step condition."""
    start_cond: Tensor
    """Condition `(C,)` of the steps before a sequence begins."""
    labels: tuple[str, ...] = ()
    """Names of the static classes; a class id is an index into them."""
    suffixes: tuple[str, ...]
    """Endings of the files it reads and writes, the preferred one first: `(".wav", ".flac")`."""

    @abstractmethod
    def head(self) -> Head:
        """A fresh head for this domain's symbols."""

    def admit(self, model: SequenceModel[Any]) -> None:
        """Raise `ConfigError` where a model that takes such symbols cannot learn from them.

        It is called before training. By default every model may try.
        """

    @abstractmethod
    def prepare(
        self,
        sources: Sequence[str],
        cache: Path,
        *,
        valid: Sequence[str] = (),
        test: Sequence[str] = (),
    ) -> Corpus:
        """Read the sources (files, folders, globs, lists) once, into a cache, and split them.

        Where `valid` or `test` name sources, these are that split; else the domain splits, each
        time in the same way.
        Raises `DataError` where nothing usable is left.
        """

    @abstractmethod
    def load(self, path: Path) -> Raw:
        """Read one file. Raises `DataError` with the path, what is wrong, and the cure."""

    def pieces(self, path: Path) -> Iterator[Raw]:
        """One file in pieces, as far as it has arrived; `-` is standard input.

        A domain that is never followed while it arrives has one piece, the whole file.
        """
        yield self.load(path)

    @abstractmethod
    def save(self, raw: Raw, path: Path) -> None:
        """Write one file, in the format of its ending."""

    @abstractmethod
    def encode(self, raw: Raw) -> Tensor:
        """Raw to symbols `(T, *E)`: int64 classes or float32 values."""

    @abstractmethod
    def decode(self, x: Tensor) -> Raw:
        """Symbols `(T, *E)` to raw."""

    def annotated(self, raw: Raw, cond: Tensor | None, prime: Raw | None) -> Raw:
        """A new sequence, as decoded, with what is known of it besides its symbols.

        That is what its conditions `(T, C)` say, which may be longer than it, and the prime that
        it begins with, where there are any. By default it stays as it is.
        """
        return raw

    @abstractmethod
    def conditions(self, raw: Raw) -> Tensor | None:
        """Per-step conditions `(T, C)` of a raw sequence, or None where C is 0."""

    def plan_conditions(self, plan: Any, steps: int, begun: Tensor) -> Tensor | None:
        """Conditions `(steps, C)` of a new sequence, where there is none to follow.

        `plan` is a `DomainSpec.plan`, or None where nothing was asked for. `begun` `(T, C)` are the
        conditions of a prime that the new steps go on from; T is 0 where there is no prime.
        By default nothing can be planned, which None says: there must be a sequence to follow.
        """
        return None

    def bars(self, raw: Raw, n: int) -> int:
        """Steps of the first n bars. Raises `ConfigError` where sequences have no bars."""
        raise ConfigError("sequences of this kind have no bars; say how much in seconds")

    @abstractmethod
    def conditioner(self) -> Conditioner[Raw]:
        """`conditions`, for a sequence that is still arriving. Raises `DataError` where C is 0."""

    @abstractmethod
    def decoder(self) -> Decoder[Raw]:
        """`decode`, piece by piece."""

    @abstractmethod
    def stream_format(self) -> StreamFormat[Raw]:
        """How to write decoded pieces to a pipe."""

    @abstractmethod
    def picture(self, raw: Raw, path: Path, title: str = "") -> None:
        """Draw a sequence to a PNG file."""

    @abstractmethod
    def metrics(self, sequences: Sequence[Tensor]) -> dict[str, float]:
        """What is worth knowing about a set of sequences `(T, *E)`; units stand in the names."""

    def baselines(self, train: Split, valid: Split) -> Mapping[str, float]:
        """Bits a step on `valid` of simple models of `train`, by name, for training to show.

        Statistics of single symbols and of pairs are shown without it.
        """
        return {}

    def spec(self, head: Head) -> SequenceSpec:
        """What a model for this domain and `head` must take and give."""
        return SequenceSpec(
            n_params=head.n_params,
            n_classes=head.n_classes,
            event_shape=head.event_shape,
            cond_channels=self.cond_channels,
            static_classes=len(self.labels),
        )

    def static(self, label: str) -> Tensor:
        """The class id `()` of a label. Raises `ConfigError` listing the labels there are."""
        return torch.tensor(class_of(label, self.labels))

"""A domain for plain cases: files fit in memory, and each symbol decodes by itself.

Text, notes, prices, digits: what remains to be written is how a file becomes symbols and back.

Dimensions: T time, E event shape, C condition channels.
"""

from __future__ import annotations

import glob
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .domain import Corpus, Decoder, Domain, Split, StreamFormat
from .errors import ConfigError, DataError

Raw = TypeVar("Raw")
HELD_OUT = 0.1
"""Share of each file, at its end, for validation, and as much again for testing."""


@final
class MemorySplit(Split):
    """Sequences `(T, *E)` held in memory, by name."""

    def __init__(self, sequences: Mapping[str, Tensor]) -> None:
        self._names = [name for name, x in sequences.items() if len(x)]
        self._sequences = [sequences[name] for name in self._names]

    @property
    def names(self) -> Sequence[str]:
        """Where each sequence came from."""
        return self._names

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """`(N,)` steps of each sequence."""
        return np.array([len(x) for x in self._sequences], dtype=np.int64)

    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, None]:
        """Symbols `x[start:stop]`; there are no conditions."""
        return self._sequences[index][start:stop], None

    def static(self, index: int) -> None:
        """There are no labels."""


@final
class _Pointwise(Decoder[Raw]):
    """Each piece decodes by itself, at once."""

    def __init__(self, decode: Callable[[Tensor], Raw]) -> None:
        self._decode = decode
        self._nothing = torch.empty(0)

    def push(self, x: Tensor) -> Raw:
        """The piece decoded."""
        self._nothing = x[:0]
        return self._decode(x)

    def finish(self) -> Raw:
        """Nothing was held back."""
        return self._decode(self._nothing)


@final
class _Headless(StreamFormat[Raw]):
    """The bytes of the pieces, one after the other."""

    header = b""

    def __init__(self, pack: Callable[[Raw], bytes]) -> None:
        self._pack = pack

    def pack(self, piece: Raw) -> bytes:
        """The piece's own bytes."""
        return self._pack(piece)


class MemoryDomain(Domain[Raw]):
    """Write `head`, `load`, `encode`, `decode` and `pack`; set `config`, `rate_hz`, `start`,
    `suffixes`. The rest is here.
    """

    @abstractmethod
    def pack(self, raw: Raw) -> bytes:
        """A raw sequence, or a piece of one, as it stands in a file."""

    def save(self, raw: Raw, path: Path) -> None:
        """Write what `pack` gives."""
        path.write_bytes(self.pack(raw))

    def prepare(
        self,
        sources: Sequence[str],
        cache: Path,
        *,
        valid: Sequence[str] = (),
        test: Sequence[str] = (),
    ) -> Corpus:
        """Read all files into memory; where a split is not named, hold out the end of each file."""
        files, valid_files, test_files = map(self._read, (sources, valid, test))
        valid_share, test_share = HELD_OUT * (not valid), HELD_OUT * (not test)
        ends = {
            name: (round(len(x) * (1 - valid_share - test_share)), round(len(x) * (1 - test_share)))
            for name, x in files.items()
        }
        train = MemorySplit({name: x[: ends[name][0]] for name, x in files.items()})
        if not train.names:
            raise DataError(f"{', '.join(sources)}: the files hold nothing to train on")
        middle = {name: x[slice(*ends[name])] for name, x in files.items()}
        rest = {name: x[ends[name][1] :] for name, x in files.items()}
        return Corpus(
            self,
            train,
            MemorySplit(valid_files or middle),
            MemorySplit(test_files or rest),
            {"files": len(files), "steps": int(train.lengths.sum())},
        )

    def conditions(self, raw: Raw) -> None:
        """There are none."""

    def conditioner(self) -> NoReturn:
        """There are none."""
        raise DataError(f"{type(self).__name__} has no per-step conditions to follow")

    def decoder(self) -> Decoder[Raw]:
        """Each piece decodes by itself."""
        return _Pointwise(self.decode)

    def stream_format(self) -> StreamFormat[Raw]:
        """The bytes of a file, as they come."""
        return _Headless(self.pack)

    def picture(self, raw: Raw, path: Path, title: str = "") -> None:
        """Draw the symbols over time."""
        try:
            from matplotlib.figure import Figure
        except ModuleNotFoundError as error:
            raise ConfigError("pictures need matplotlib; pip install 'wavegen[plot]'") from error
        x = self.encode(raw)
        figure = Figure(figsize=(10, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot(np.arange(len(x)) / self.rate_hz, x.flatten(1) if x.ndim > 1 else x, ".-")
        axes.set(title=title, xlabel="seconds", ylabel="symbol")
        figure.savefig(path)

    def metrics(self, sequences: Sequence[Tensor]) -> dict[str, float]:
        """How long the sequences are."""
        return {"mean_steps": float(np.mean([len(x) for x in sequences]))}

    def _read(self, sources: Sequence[str]) -> dict[str, Tensor]:
        """The symbols of every file that `sources` (files, folders, globs) mean, sorted."""
        files: set[Path] = set()
        for source in sources:
            path = Path(source)
            found = [path] if path.is_file() else [Path(f) for f in glob.glob(source)]
            if path.is_dir():
                found = [f for f in path.rglob("*") if f.suffix in self.suffixes and f.is_file()]
            if not found:
                endings = ", ".join(self.suffixes)
                raise DataError(f"{source}: no files; give a file, a folder of {endings} or a glob")
            files.update(found)
        return {str(file): self.encode(self.load(file)) for file in sorted(files)}

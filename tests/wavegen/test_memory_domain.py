"""The domain in memory: which files, which part of them goes where, and the contract as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from wavegen.config import option
from wavegen.domain import Corpus
from wavegen.errors import DataError
from wavegen.heads import Gaussian
from wavegen.memory_domain import MemoryDomain
from wavegen.testing import DomainContract


@dataclass(frozen=True)
class Config:
    rate_hz: float = option(2.0, "numbers per second")


class Numbers(MemoryDomain[np.ndarray]):
    """One number a line."""

    suffixes = (".numbers",)

    def __init__(self, config: Config) -> None:
        self.config, self.rate_hz, self.start = config, config.rate_hz, torch.tensor(0.0)

    def head(self) -> Gaussian:
        return Gaussian()

    def load(self, path: Path) -> np.ndarray:
        try:
            values = [float(line) for line in path.read_text(encoding="ascii").split()]
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: not a column of numbers ({error})") from error
        if path.stat().st_size == 0:
            raise DataError(f"{path}: is empty")
        return np.array(values, dtype=np.float32)

    def encode(self, raw: np.ndarray) -> Tensor:
        return torch.tensor(raw)

    def decode(self, x: Tensor) -> np.ndarray:
        return x.float().numpy()

    def pack(self, raw: np.ndarray) -> bytes:
        return "".join(f"{value!r}\n" for value in raw.tolist()).encode()


class TestContract(DomainContract):
    @pytest.fixture
    def domain(self) -> Numbers:
        return Numbers(Config())

    @pytest.fixture
    def raw(self) -> np.ndarray:
        return np.random.default_rng(0).normal(size=300).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of 100, 10 and 0 numbers, one of them deeper down, and one that is no source."""
    (tmp_path / "deep").mkdir()
    for name, count in {"b.numbers": 100, "deep/a.numbers": 10}.items():
        (tmp_path / name).write_text("".join(f"{i}\n" for i in range(count)))
    (tmp_path / "c.numbers").write_text("\n")
    (tmp_path / "readme.md").write_text("no numbers here")
    return tmp_path


def prepare(*sources: object, valid: tuple[object, ...] = ()) -> Corpus:
    domain = Numbers(Config())
    return domain.prepare([*map(str, sources)], Path("unused"), valid=[*map(str, valid)])


def test_end_of_each_file_is_held_out(folder: Path) -> None:
    corpus = prepare(folder)
    splits = (corpus.train, corpus.valid, corpus.test)
    assert [split.lengths.tolist() for split in splits] == [[80, 8], [10, 1], [10, 1]]
    assert corpus.train.names == [str(folder / "b.numbers"), str(folder / "deep/a.numbers")]
    symbols, cond = corpus.valid.read(0, 2, 4)
    assert symbols.tolist() == [82.0, 83.0]
    assert cond is None
    assert corpus.valid.static(0) is None
    assert corpus.report == {"files": 3, "steps": 88}


def test_named_split_takes_whole_files(folder: Path) -> None:
    corpus = prepare(folder / "b.numbers", valid=(folder / "deep",))
    splits = (corpus.train, corpus.valid, corpus.test)
    assert [split.lengths.tolist() for split in splits] == [[90], [10], [10]]
    assert corpus.valid.names == [str(folder / "deep/a.numbers")]
    assert corpus.test.read(0, 0, 1)[0].tolist() == [90.0]


def test_sources_are_files_folders_and_globs_each_once(folder: Path) -> None:
    corpus = prepare(folder / "b.numbers", folder, folder / "*.numbers")
    assert len(corpus.train.names) == 2


def test_unusable_sources_say_so(folder: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no files; give a file, a folder of \.numbers"):
        prepare(folder / "nowhere")
    with pytest.raises(DataError, match=r"c\.numbers: the files hold nothing to train on"):
        prepare(folder / "c.numbers")
    with pytest.raises(DataError, match=r"readme\.md: not a column of numbers"):
        prepare(folder / "readme.md")

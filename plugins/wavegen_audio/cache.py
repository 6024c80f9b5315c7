"""The cache: recordings, prepared once, in memory-mapped packs.

A pack is two files: the data, and an index that names each recording in it by the sha256 of its
source file. The index holds the data's sha256 and is itself named by its own, so a pack proves
itself: what does not fit is thrown away and prepared again. Files are written under a temporary
name and renamed, the index last, so processes that prepare the same at the same time do no harm.
A recording that any pack holds is not prepared again.

Dimensions: T time, F condition frames, C condition channels.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from wavegen.errors import DataError

PACK_BYTES = 256 * 2**20
"""A pack is closed at this size: what a kill can lose, and a bound on the number of files."""
_ALIGNMENT = 16
_STALE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Facts:
    """What is known of a recording besides its samples."""

    length: int
    """T, at the model's rate."""
    seconds_found: float
    seconds_kept: float
    rate_hz: int
    channels: int
    note: str = ""


@dataclass(frozen=True)
class Prepared:
    """One recording in the cache, mapped from disk."""

    facts: Facts
    samples: npt.NDArray
    """`(T,)` as the codec stores them."""
    frames: npt.NDArray[np.float32] | None
    """`(F, C)`, or None."""


@dataclass(frozen=True)
class _Entry:
    """Where a recording lies in its pack, in bytes."""

    samples_at: int
    frames_at: int
    end: int


class Cache:
    """All packs in one folder, which were prepared with the same settings."""

    def __init__(self, folder: Path, stored: np.dtype, cond_channels: int) -> None:
        self.folder, self._stored, self._cond_channels = folder, stored, cond_channels
        self._found: dict[str, Prepared] = {}
        with _blaming(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            for index in sorted(folder.glob("*.json")):
                self._open(index)

    def __contains__(self, digest: str) -> bool:
        """Whether a recording is prepared."""
        return digest in self._found

    def __getitem__(self, digest: str) -> Prepared:
        """A prepared recording."""
        return self._found[digest]

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Adds recordings. Those that were complete when something else failed are kept."""
        writer = Writer(self.folder)
        with _blaming(self.folder):
            try:
                yield writer
            except OSError:
                writer.discard()
                raise
            finally:
                writer.close()
        for index in writer.written:
            self._open(index)

    def _open(self, index: Path) -> None:
        """Map a pack, or remove it where its bytes are not those that were written."""
        data = index.with_suffix(".pack")
        text = index.read_bytes()
        if hashlib.sha256(text).hexdigest() == index.stem and data.is_file():
            listed = json.loads(text)
            if _sha256(data) == listed["sha256"]:
                mapped = np.memmap(data, dtype=np.uint8, mode="r")
                for digest, facts, entry in listed["recordings"]:
                    self._found[digest] = self._view(mapped, Facts(**facts), _Entry(**entry))
                return
        index.unlink(missing_ok=True)
        data.unlink(missing_ok=True)

    def _view(self, mapped: npt.NDArray[np.uint8], facts: Facts, entry: _Entry) -> Prepared:
        """The arrays of one recording; nothing is read yet."""
        size = facts.length * self._stored.itemsize
        samples = mapped[entry.samples_at : entry.samples_at + size].view(self._stored)
        if not self._cond_channels:
            return Prepared(facts, samples, None)
        frames = mapped[entry.frames_at : entry.end].view(np.float32)
        return Prepared(facts, samples, frames.reshape(-1, self._cond_channels))

    def _sweep(self) -> None:
        """Remove what killed processes left behind."""
        lost = [data for data in self.folder.glob("*.pack") if not _index(data).exists()]
        for orphan in (*self.folder.glob("*.tmp"), *lost):
            if time.time() - orphan.stat().st_mtime > _STALE_SECONDS:
                orphan.unlink(missing_ok=True)


class Writer:
    """Appends recordings to a pack, and starts the next one when it is full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._recordings: list[tuple[str, Facts, _Entry]] = []
        self.written: list[Path] = []
        """The indexes of the packs that were closed."""

    def add(
        self,
        digest: str,
        facts: Facts,
        samples: Iterable[npt.NDArray],
        frames: Iterable[npt.NDArray[np.float32]],
    ) -> None:
        """Append one recording: its samples and its frames, each in consecutive pieces."""
        if self._file is None:
            self._file = (self._folder / f"{secrets.token_hex(8)}.tmp").open("xb")
        samples_at = self._append(samples)
        frames_at = self._append(frames)
        entry = _Entry(samples_at, frames_at, self._file.tell())
        self._recordings.append((digest, facts, entry))
        if entry.end >= PACK_BYTES:
            self.close()

    def close(self) -> None:
        """Give the pack its name, then its index; an unfinished recording is cut off."""
        if self._file is None:
            return
        if not self._recordings:
            self.discard()
            return
        self._file.truncate(self._recordings[-1][2].end)
        _sync(self._file)
        temporary = Path(self._file.name)
        listed = [(digest, asdict(f), asdict(e)) for digest, f, e in self._recordings]
        text = json.dumps({"sha256": _sha256(temporary), "recordings": listed}).encode()
        index = self._folder / f"{hashlib.sha256(text).hexdigest()}.json"
        os.replace(temporary, index.with_suffix(".pack"))
        self._file, self._recordings = None, []
        with (self._folder / f"{secrets.token_hex(8)}.tmp").open("xb") as file:
            file.write(text)
            _sync(file)
        os.replace(file.name, index)
        self.written.append(index)

    def discard(self) -> None:
        """Give up the pack that is being written."""
        file, self._file, self._recordings = self._file, None, []
        if file is not None:
            Path(file.name).unlink(missing_ok=True)
            with suppress(OSError):  # a full disk refuses what is still buffered, and it may
                file.close()

    def _append(self, pieces: Iterable[npt.NDArray]) -> int:
        """Write pieces one after the other; returns where they begin."""
        assert self._file is not None
        self._file.write(bytes(-self._file.tell() % _ALIGNMENT))
        start = self._file.tell()
        for piece in pieces:
            self._file.write(np.ascontiguousarray(piece).data)
        return start


@contextmanager
def _blaming(folder: Path) -> Iterator[None]:
    """Turn a failure of the disk into one line about the cache."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{folder}: cannot use the cache ({error.strerror or error}); free space or choose "
            "another folder"
        ) from error


def _sha256(path: Path) -> str:
    """Of a whole file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(path: Path) -> str:
    """Names a source file by its content. Raises `DataError` where it cannot be read."""
    if not path.is_file():  # a pipe gives its content once, and the recording is read after this
        raise DataError(f"{path}: is not a regular file; save what it gives to one")
    try:
        return _sha256(path)
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror or error}; make it readable or leave it out"
        ) from error


def _sync(file: IO[bytes]) -> None:
    """On disk before it is renamed, and closed."""
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _index(data: Path) -> Path:
    """The index of a pack."""
    return data.with_suffix(".json")

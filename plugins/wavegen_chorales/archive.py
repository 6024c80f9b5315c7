"""Files inside a .tgz, read without unpacking anything: names and sizes are not to be trusted."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from wavegen.errors import DataError

ENDINGS = (".tgz", ".tar.gz")
MAX_MEMBERS = 20_000
MAX_BYTES = 256 * 2**20
"""Of all members together, unpacked."""


def members(path: Path, endings: tuple[str, ...]) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Name and content of each ordinary file with one of the endings, in the archive's order.

    A name is for showing, and never becomes a path on the disk. Raises `DataError`.
    """
    try:
        with (
            gzip.open(path) as unpacked,
            tarfile.open(fileobj=_Limited(unpacked, path), mode="r|") as tar,
        ):
            for number, member in enumerate(tar):
                if number >= MAX_MEMBERS:
                    raise DataError(f"{path}: more than {MAX_MEMBERS} files; split it")
                name = PurePosixPath(member.name)
                wanted = name.suffix.lower() in endings and not name.name.startswith(".")
                content = tar.extractfile(member) if wanted and member.isreg() else None
                if content is not None:
                    yield name, content.read()
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError) as error:
        raise DataError(f"{path}: not a readable .tgz archive ({error})") from error


class _Limited(io.RawIOBase):
    """Reads no more than `MAX_BYTES`: a small archive can unpack to any size."""

    def __init__(self, inner: gzip.GzipFile, path: Path) -> None:
        self._inner, self._path, self._left = inner, path, MAX_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        content = self._inner.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise DataError(
                f"{self._path}: unpacks to more than {MAX_BYTES // 2**20} MiB; give the pieces "
                "alone"
            )
        return content

"""What the user names (a file, folder, glob, .tgz or the word music21) to pieces of music."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from wavegen.errors import DataError
from wavegen.splitting import SPLITS, SplitName

from .archive import ENDINGS as ARCHIVES
from .archive import members
from .reading import READ, content_of

MUSIC21 = "music21"


@dataclass(frozen=True)
class SourceFile:
    """One file, as bytes: it may lie in an archive."""

    name: str
    content: bytes
    split: SplitName | None = None
    """The split that its source puts it in, by a folder of that name."""

    @property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.content).hexdigest()


def find(sources: Sequence[str]) -> Iterator[SourceFile]:
    """All files that `sources` mean, source by source, in the order of their names.

    Raises `DataError` for a source that means none.
    """
    for source in sources:
        found = 0
        for file in _files_of(source):
            found += 1
            yield file
        if not found:
            raise DataError(f"{source}: no pieces in it; they end in {', '.join(READ)}")


def _files_of(source: str) -> Iterator[SourceFile]:
    path = Path(source)
    if source == MUSIC21:
        from .music21_corpus import corpus_files

        yield from corpus_files()
    elif path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() in READ and not file.name.startswith("."):
                split = _split_of(file.relative_to(path))
                yield SourceFile(str(file), content_of(file), split)
    elif source.lower().endswith(ARCHIVES) and path.is_file():
        inside = sorted(members(path, READ), key=lambda member: member[0])
        for name, content in inside:
            yield SourceFile(f"{path.name}/{name}", content, _split_of(name))
    elif path.exists() or not glob.has_magic(source):
        yield SourceFile(source, content_of(path))
    else:
        for name in sorted(glob.glob(source, recursive=True)):
            if Path(name).is_file():
                yield SourceFile(name, content_of(Path(name)))


def _split_of(name: PurePath) -> SplitName | None:
    """The innermost folder that is called train, valid or test."""
    for folder in reversed(name.parts[:-1]):
        for split in SPLITS:
            if folder == split:
                return split
    return None

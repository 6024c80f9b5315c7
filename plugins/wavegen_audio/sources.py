"""What the user names (a file, folder, glob, list or CSV) to the files that it means."""

from __future__ import annotations

import csv
import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wavegen.errors import DataError

WRITTEN = (".wav", ".flac", ".ogg", ".mp3", ".aiff")
READ = (*WRITTEN, ".aif", ".aifc", ".au", ".caf", ".oga", ".opus", ".rf64", ".snd", ".w64")
"""Endings that are taken from a folder; a file that is named itself may have any."""
_MAX_LIST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class SourceFile:
    """One sound file and the label of its class, where labels were asked for."""

    path: Path
    label: str | None = None


def find(
    sources: Sequence[str], label_from: Literal["none", "folder", "csv"] = "none"
) -> list[SourceFile]:
    """All files that `sources` mean, sorted by path, each once.

    Under `label_from="folder"` a class is a folder: of several given folders each is one; in a
    single given folder those directly in it are. A file from a list or glob has its own folder's.
    """
    folders = [source for source in sources if Path(source).is_dir()]
    found: dict[Path, SourceFile] = {}
    for source in sources:
        path = Path(source)
        if path.is_dir():
            files = _in_folder(path, alone=len(folders) == 1)
        elif path.suffix.lower() == ".txt":
            files = _in_list(path)
        elif path.suffix.lower() == ".csv":
            files = _in_csv(path, label_from == "csv")
        elif path.exists():
            files = iter([SourceFile(path, path.absolute().parent.name)])
        elif glob.has_magic(source):
            files = _in_glob(source)
        else:
            raise DataError(f"{source}: does not exist; give a folder, file, glob, list or CSV")
        for file in files:
            if label_from != "none" and not file.label:
                raise DataError(
                    f"{file.path}: has no label; label_from={label_from} needs "
                    + ("a CSV with a column `label`" if label_from == "csv" else "a folder")
                )
            label = file.label if label_from != "none" else None
            found.setdefault(file.path.absolute(), SourceFile(file.path, label))
    if not found:
        raise DataError(f"{', '.join(sources) or 'no source'}: no sound files ({', '.join(READ)})")
    return [found[path] for path in sorted(found)]


def _in_folder(folder: Path, alone: bool) -> Iterator[SourceFile]:
    """Sound files at any depth; hidden files (such as a Mac's ._copies) are left out."""
    for path in folder.rglob("*"):
        if path.suffix.lower() in READ and not path.name.startswith(".") and path.is_file():
            inner = path.relative_to(folder).parts[:-1]
            yield SourceFile(path, inner[0] if alone and inner else folder.absolute().name)


def _in_glob(pattern: str) -> Iterator[SourceFile]:
    """Files that match; `**` matches folders at any depth."""
    for name in glob.iglob(pattern, recursive=True):
        path = Path(name)
        if path.is_file():
            yield SourceFile(path, path.absolute().parent.name)


def _in_list(listing: Path) -> Iterator[SourceFile]:
    """One path a line, relative to the list's own folder; blank lines are skipped."""
    for number, line in enumerate(_lines(listing), start=1):
        if name := line.strip():
            path = _named(listing, number, name)
            yield SourceFile(path, path.absolute().parent.name)


def _in_csv(table: Path, with_labels: bool) -> Iterator[SourceFile]:
    """Columns `path` and, where labels are wanted, `label`; others are ignored."""
    needed = {"path", "label"} if with_labels else {"path"}
    try:
        rows = csv.DictReader(_lines(table), strict=True)
        missing = needed - set(rows.fieldnames or ())
        if missing:
            raise DataError(f"{table}: has no column {', '.join(sorted(missing))} in its first row")
        for row in rows:
            path = _named(table, rows.line_num, (row["path"] or "").strip())
            label = (row["label"] or "").strip() if with_labels else path.absolute().parent.name
            yield SourceFile(path, label)
    except csv.Error as error:
        raise DataError(f"{table}: not a CSV table ({error})") from error


def _named(listing: Path, number: int, name: str) -> Path:
    """The file that a line of a list names."""
    path = listing.parent / name
    try:
        if path.is_file():
            return path
    except ValueError:  # a null byte in the name
        pass
    raise DataError(
        f"{listing} line {number}: no file {str(path)!r}; paths are relative to the list's folder"
    )


def _lines(listing: Path) -> list[str]:
    """The lines of a text file of reasonable size."""
    try:
        if listing.stat().st_size > _MAX_LIST_BYTES:
            raise DataError(f"{listing}: a list of more than {_MAX_LIST_BYTES} bytes; split it")
        return listing.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{listing}: not a readable list of files ({error})") from error

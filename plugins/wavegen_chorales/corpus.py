"""From named sources to the three splits, and the manifest of what went where and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wavegen.errors import DataError
from wavegen.splitting import SPLITS, SplitName, assign

from .battery_harmony import fit_key
from .bulk_reading import BulkReader
from .codec import AnyCodec
from .config import ChoralesConfig
from .grid import ChoraleGrid
from .sources import SourceFile, find
from .splits import Piece, untransposed

_SHOWN = 10


@dataclass(frozen=True)
class Kept:
    """A usable file."""

    file: SourceFile
    grid: ChoraleGrid
    notes: tuple[str, ...]


@dataclass
class Harvest:
    """What came of the files that were named."""

    kept: dict[SplitName, list[Kept]]
    dropped: list[tuple[str, str]]
    """Name of each file that is not used, and why."""

    def pieces(self, split: SplitName) -> list[Piece]:
        """The pieces of one split, each with a key: one that fits, if it says none."""
        return [
            Piece(
                kept.file.name,
                replace(kept.grid, key=kept.grid.key or fit_key(kept.grid).key),
            )
            for kept in self.kept[split]
        ]


def gather(
    named: Mapping[SplitName, Sequence[str]], config: ChoralesConfig, codec: AnyCodec, cache: Path
) -> Harvest:
    """Read every file, each content once; what is held out by name is not trained on.

    A file goes where it is named (`valid`, `test`), else where its source has it, else by its
    notes. Raises `DataError` where nothing is left to train on.
    """
    harvest = Harvest({"train": [], "valid": [], "test": []}, [])
    reader, seen = BulkReader(cache), dict[str, str]()
    loose: list[Kept] = []
    for split in ("valid", "test", "train"):
        for file in find(named[split]):
            kept = _read(file, codec, reader, seen, harvest.dropped)
            if kept is None:
                continue
            if split != "train":
                harvest.kept[split].append(kept)
            elif file.split is None:
                loose.append(kept)
            elif file.split != "train" and named[file.split]:
                harvest.dropped.append((file.name, f"{file.split} pieces are named elsewhere"))
            else:
                harvest.kept[file.split].append(kept)
    percent = {
        "valid": 0.0 if named["valid"] else config.valid_percent,
        "test": 0.0 if named["test"] else config.test_percent,
    }
    own = [untransposed(kept.grid) for kept in loose]
    splits = assign(own, percent["valid"], percent["test"], config.seed)
    for kept, split in zip(loose, splits, strict=True):
        harvest.kept["train" if named["valid"] and split == "valid" else split].append(kept)
    for split in SPLITS:
        if not harvest.kept[split] and (split == "train" or named[split]):
            raise DataError(_nothing_left(named[split], split, harvest.dropped))
    return harvest


def _read(
    file: SourceFile,
    codec: AnyCodec,
    reader: BulkReader,
    seen: dict[str, str],
    dropped: list[tuple[str, str]],
) -> Kept | None:
    """One file, or None where it cannot be used or was seen before."""
    if first := seen.get(file.sha256):
        dropped.append((file.name, f"the same content as {first}"))
        return None
    seen[file.sha256] = file.name
    try:
        reading = reader.read(file)
        codec.encode(reading.grid)
    except DataError as error:
        dropped.append((file.name, str(error).removeprefix(file.name).lstrip(": ")))
        return None
    return Kept(file, reading.grid, reading.notes)


def _nothing_left(
    sources: Sequence[str], split: SplitName, dropped: Sequence[tuple[str, str]]
) -> str:
    named = ", ".join(sources)
    if not dropped:
        return f"{named}: no pieces to put into {split}"
    (name, why), more = dropped[0], len(dropped) - 1
    first = why if name == named else f"{name}: {why}"
    return f"{named}: no usable pieces for {split}; {first}" + (
        f" (and {more} more)" if more else ""
    )


def report(harvest: Harvest) -> dict[str, Any]:
    """The manifest: each piece with its split, length and checksum; what was dropped; notes."""
    counts = {split: len(harvest.kept[split]) for split in SPLITS}
    steps = {split: sum(len(k.grid) for k in harvest.kept[split]) for split in SPLITS}
    lines = [
        f"{counts['train']} pieces to train on, {counts['valid']} for validation, "
        f"{counts['test']} for the final test"
    ]
    keyless = sum(kept.grid.key is None for split in SPLITS for kept in harvest.kept[split])
    if keyless:
        lines.append(f"{keyless} pieces say no key; the one that fits their notes best is taken")
    words = [f"left out {name}: {why}" for name, why in harvest.dropped]
    words += [
        f"{kept.file.name}: {note}"
        for split in SPLITS
        for kept in harvest.kept[split]
        for note in kept.notes
    ]
    lines += words[:_SHOWN]
    if len(words) > _SHOWN:
        lines.append(f"{len(words) - _SHOWN} more notes on files are in the run's log")
    return {
        "notes": lines,
        "steps": steps,
        "pieces": [
            {
                "name": kept.file.name,
                "split": split,
                "steps": len(kept.grid),
                "sha256": kept.file.sha256,
                "notes": list(kept.notes),
            }
            for split in SPLITS
            for kept in harvest.kept[split]
        ],
        "dropped": [{"name": name, "why": why} for name, why in harvest.dropped],
    }

"""From named sources to the three splits, and the report of what was kept, dropped and why."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wavegen.errors import DataError
from wavegen.splitting import SplitName, assign

from .cache import Prepared, digest_of
from .config import AudioConfig
from .pipeline import Pipeline
from .sources import SourceFile
from .splits import Section

_SHOWN = 20
_SINGLE_FILE_TRAIN_SHARE = 0.9


@dataclass(frozen=True)
class Kept:
    """A usable file, in the cache."""

    file: SourceFile
    digest: str
    prepared: Prepared


@dataclass
class Harvest:
    """What came of the files that were named."""

    kept: dict[SplitName, list[Kept]]
    dropped: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def gather(
    pipeline: Pipeline, named: Mapping[SplitName, Sequence[SourceFile]], folder: Path
) -> Harvest:
    """Bring every file into the cache, each content once.

    What is held out by name is taken out of the training files. Raises `DataError` where no
    training file is usable.
    """
    cache = pipeline.cache(folder)
    usable: list[tuple[SplitName, SourceFile, str]] = []
    dropped: list[tuple[Path, str]] = []
    seen: dict[str, tuple[SplitName, Path]] = {}
    held_out = 0
    with cache.writer() as writer, tempfile.TemporaryFile(dir=cache.folder) as spool:
        for split in ("valid", "test", "train"):
            for file in named[split]:
                try:
                    digest = digest_of(file.path)
                    if digest not in seen and digest not in cache:
                        pipeline.prepare(file.path, digest, writer, spool)
                except DataError as error:
                    dropped.append((file.path, str(error).removeprefix(f"{file.path}: ")))
                    continue
                if digest not in seen:
                    seen[digest] = split, file.path
                    usable.append((split, file, digest))
                elif seen[digest][0] == split:
                    dropped.append((file.path, f"the same content as {seen[digest][1]}"))
                else:
                    held_out += 1
    kept: dict[SplitName, list[Kept]] = {"train": [], "valid": [], "test": []}
    for split, file, digest in usable:
        kept[split].append(Kept(file, digest, cache[digest]))
    for split, files in named.items():
        if (files or split == "train") and not kept[split]:
            raise DataError(_nothing_left(split, dropped, held_out))
    harvest = Harvest(kept, dropped)
    if held_out:
        harvest.notes.append(f"{held_out} files are held out by name and left out of training")
    damaged = [k for k in (*kept["train"], *kept["valid"], *kept["test"]) if k.prepared.facts.note]
    harvest.notes += [f"{k.file.path}: {k.prepared.facts.note}" for k in damaged[:_SHOWN]]
    if len(damaged) > _SHOWN:
        harvest.notes.append(f"{len(damaged) - _SHOWN} more files are damaged and kept in part")
    return harvest


def labels_of(harvest: Harvest, config: AudioConfig) -> tuple[str, ...]:
    """The classes: those of the settings, else those of the training files, sorted."""
    if config.label_from == "none":
        return ()
    found = {kept.file.label or "" for kept in harvest.kept["train"]}
    labels = config.labels or tuple(sorted(found))
    for kept in (k for files in harvest.kept.values() for k in files):
        if kept.file.label not in labels:
            raise DataError(
                f"{kept.file.path}: label {kept.file.label!r} is none of {', '.join(labels)}; "
                "every class must occur in the training files and in domain.labels where it is set"
            )
    return labels


def split(
    harvest: Harvest, labels: Sequence[str], config: AudioConfig
) -> dict[SplitName, list[Section]]:
    """Each file to its split: by name where one was given, else by its content.

    A single file is split in time.
    """
    train, valid, test = harvest.kept["train"], harvest.kept["valid"], harvest.kept["test"]
    if valid:
        places: list[SplitName] = ["train"] * len(train)
    else:
        test_percent = 0.0 if test else config.test_percent
        digests = [kept.digest.encode() for kept in train]
        places = assign(digests, config.valid_percent, test_percent, config.split_seed)
    sections: dict[SplitName, list[Section]] = {"train": [], "valid": [], "test": []}
    if not valid and len(train) == 1:
        whole = _section(train[0], labels)
        border = int(whole.stop * _SINGLE_FILE_TRAIN_SHARE)
        sections["train"].append(replace(whole, stop=border))
        sections["valid"].append(replace(whole, start=border))
        harvest.notes.append("a single file: its first 90 % train, the rest is for validation")
    else:
        for kept, place in zip(train, places, strict=True):
            sections[place].append(_section(kept, labels))
    sections["valid"] += [_section(kept, labels) for kept in valid]
    sections["test"] += [_section(kept, labels) for kept in test]
    return sections


def report(
    harvest: Harvest, sections: Mapping[SplitName, Sequence[Section]], rate_hz: int
) -> dict[str, Any]:
    """Plain JSON values; `notes` are the lines that the user should see."""
    facts = [kept.prepared.facts for files in harvest.kept.values() for kept in files]
    dropped = harvest.dropped
    trimmed = sum(f.seconds_found - f.seconds_kept for f in facts)
    notes = list(harvest.notes)
    if trimmed:
        kept_seconds = sum(f.seconds_kept for f in facts)
        notes.append(f"{trimmed:.1f} s of silence trimmed, {kept_seconds:.1f} s kept")
    if dropped:
        notes.append(f"{len(dropped)} of {len(facts) + len(dropped)} files dropped:")
        notes += [f"{path}: {why}" for path, why in dropped[:_SHOWN]]
    seconds = {
        name: round(sum(s.stop - s.start for s in part) / rate_hz, 3)
        for name, part in sections.items()
    }
    return {
        "files": {
            "found": len(facts) + len(dropped),
            "kept": len(facts),
            "dropped": len(dropped),
        },
        "dropped": [{"file": str(path), "why": why} for path, why in dropped[:_SHOWN]],
        "files_by_split": {name: len(part) for name, part in sections.items()},
        "seconds": seconds,
        "seconds_trimmed": round(trimmed, 3),
        "files_by_rate_hz": _counted(f.rate_hz for f in facts),
        "files_by_channels": _counted(f.channels for f in facts),
        "notes": notes,
    }


def _section(kept: Kept, labels: Sequence[str]) -> Section:
    """A whole recording."""
    label = None if kept.file.label is None else labels.index(kept.file.label)
    prepared = kept.prepared
    path = str(kept.file.path)
    return Section(path, prepared.samples, prepared.frames, 0, prepared.facts.length, label)


def _nothing_left(split: SplitName, dropped: Sequence[tuple[Path, str]], held_out: int) -> str:
    """One line that says why a split is empty."""
    if not dropped:
        return (
            f"no file is left for the {split} split: the same {held_out} files are named for "
            "another one; give others"
        )
    path, why = dropped[0]
    more = f" ({len(dropped)} files were dropped, this is the first)" if len(dropped) > 1 else ""
    return f"{path}: {why}{more}; no usable file is left for the {split} split"


def _counted(values: Iterable[int]) -> dict[str, int]:
    """How often each value occurs, keyed as JSON wants."""
    return {str(value): count for value, count in sorted(Counter(values).items())}

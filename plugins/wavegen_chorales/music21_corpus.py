"""The chorales of the music21 corpus, when that package is installed; none of them ships here.

`music21_split.json` says which file is which piece of the JSB chorales, and so in which split: they
have at least 0.6 of their 4-chord n-grams in common, in any transposition. Files that are like no
piece are left out, since they may still be a little like one of the test set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from wavegen.errors import ConfigError, DataError
from wavegen.splitting import SPLITS, SplitName

from .reading import content_of
from .sources import SourceFile


def corpus_files() -> Iterator[SourceFile]:
    """Every mapped file of Bach's that is installed. Raises `ConfigError` or `DataError`."""
    package = find_spec("music21")
    if package is None or package.origin is None:
        raise ConfigError("music21 is not installed; pip install 'wavegen[chorales]'")
    folder = Path(package.origin).parent / "corpus" / "bach"
    split_of = _split_of()
    found = sorted(path for path in folder.glob("bwv*") if path.name in split_of)
    if not found:
        raise DataError(f"{folder}: no chorales; this music21 was installed without its corpus")
    for path in found:
        yield SourceFile(f"music21/{path.name}", content_of(path), split_of[path.name])


def _split_of() -> dict[str, SplitName]:
    """The split of each file."""
    table = json.loads(Path(__file__).with_name("music21_split.json").read_text("utf-8"))
    return {name: cast(SplitName, split) for split in SPLITS for name in table[split].split()}

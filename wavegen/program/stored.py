"""A model's program, lowered once and then kept in the cache folder, for lowering takes seconds."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from .. import __version__, atomic, cache
from ..errors import ProgramError
from ..heads import Filter, Head
from ..model import SequenceModel
from .lowering import lower
from .program import Program

_KEPT = 16
"""Programs; those used longest ago go first."""
_DIGEST_BYTES = 32


def lowered(
    model: SequenceModel[Any], head: Head, filters: Sequence[Filter], fingerprint: str
) -> Program:
    """The float32 program of a model with these weights. Raises `LoweringError`.

    A step that is filtered is lowered each time: nothing says what a filter's values are.
    """
    if filters:
        return lower(model, head, filters)
    key = _key(model, head, fingerprint)
    if key is None:
        return lower(model, head)
    path = cache.folder("programs") / key
    program = _read(path)
    if program is None:
        program = lower(model, head)
        _write(path, program)
    return program


def _key(model: SequenceModel[Any], head: Head, fingerprint: str) -> str | None:
    """Weights, config, and the packages that the step and its lowering are written in.

    None where a part was typed in by hand: its source is in no file.
    """
    digest = hashlib.sha256(f"{fingerprint} {__version__} {torch.__version__}".encode())
    names = {type(part).__module__ for whole in (model, head) for part in whole.modules()}
    sources: set[Path] = set()
    for name in names | {__name__}:
        root = name.partition(".")[0]
        if root == "torch":
            continue
        found = _sources(root if root in sys.modules else name)
        if not found:
            return None
        sources.update(found)
    for source in sorted(sources):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _sources(name: str) -> list[Path]:
    """The Python files of a package, or the one of a module."""
    module = sys.modules.get(name)
    if folders := getattr(module, "__path__", None):
        return [path for folder in folders for path in Path(folder).rglob("*.py")]
    file = getattr(module, "__file__", None)
    return [Path(file)] if file and Path(file).is_file() else []


def _read(path: Path) -> Program | None:
    """What is kept there, if it is whole."""
    try:
        content = path.read_bytes()
        digest, rest = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(rest).digest() != digest:
            return None
        path.touch()
        return Program.from_bytes(rest, str(path))
    except (OSError, ProgramError):
        return None


def _write(path: Path, program: Program) -> None:
    """Keep it; a full or read-only disk is no reason not to play."""
    content = program.to_bytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_file(path, hashlib.sha256(content).digest() + content)
        kept = sorted(path.parent.iterdir(), key=lambda file: -file.stat().st_mtime)
        for old in kept[_KEPT:]:
            old.unlink()
    except OSError:
        return

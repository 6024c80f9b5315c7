"""Which sequences train, which validate and which test: decided by what each one holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")


def assign(
    contents: Sequence[bytes], valid_percent: float, test_percent: float, seed: int
) -> list[SplitName]:
    """The split of each sequence by its content (or a digest of it) alone, so that added ones move
    no other.

    One exception: where chance holds out none of two or more, the one nearest to it is validation.
    """
    chance = [_chance(content, seed) for content in contents]
    names: list[SplitName] = [
        "valid" if u < valid_percent else "test" if u < valid_percent + test_percent else "train"
        for u in (100 * c for c in chance)
    ]
    ranked = sorted(range(len(names)), key=chance.__getitem__)
    if len(names) >= 2 and "valid" not in names:
        names[ranked[0]] = "valid"
    if len(names) >= 2 and "train" not in names:
        names[ranked[-1]] = "train"
    return names


def percent_checks(valid_percent: float, test_percent: float) -> dict[str, tuple[bool, str]]:
    """Whether each share that a config names may be, and what it must be, by the field's name."""
    return {
        "valid_percent": (0 < valid_percent < 100, "above 0 and below 100"),
        "test_percent": (
            test_percent >= 0 and valid_percent + test_percent < 100,
            "0 or above, and below 100 together with valid_percent",
        ),
    }


def _chance(content: bytes, seed: int) -> float:
    """A number in [0, 1) that only content and seed decide."""
    word = hashlib.sha256(b"%d:" % seed + content).digest()[:8]
    return int.from_bytes(word, "big") / 2**64

"""What voices are called in files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

Where = TypeVar("Where")

_NAMES = (r"s|sopr\w*|cantus|discant", r"a|alt\w*", r"t|ten\w*", r"b|bass?|basso|bassus")
"""In the order of a grid; a dot or a space may follow."""


def by_name(names: Mapping[Where, str]) -> list[Where] | None:
    """Where soprano, alto, tenor and bass are, if each is there once; others do not matter."""
    voices: list[Where] = []
    for pattern in _NAMES:
        found = [
            where
            for where, name in names.items()
            if re.fullmatch(pattern, name.strip(" .\0").lower())
        ]
        if len(found) != 1:
            return None
        voices += found
    return voices

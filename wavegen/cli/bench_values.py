"""Options of benchmarks that hold several values, separated by commas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import ConfigError

T = TypeVar("T")


def listed(name: str, text: str, parse: Callable[[str], T]) -> list[T]:
    """Values separated by commas; raises `ConfigError` where there is none."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ConfigError(f"{name} is {text!r}; give one value or several, separated by commas")
    return [parse(part) for part in parts]


def whole(name: str, low: int, high: int) -> Callable[[str], int]:
    """What reads a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ConfigError(f"{name} is {text!r}; it must be {low} to {high}")
        return int(text)

    return parse

"""How long a sequence is, how much of a prime begins it, and in what pieces a stream comes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from .errors import ConfigError

Progress = Callable[[int, int | None], None]
"""Called now and then with the number of steps drawn so far, and in all, where that is known."""

PIECE_STEPS = 1024
"""Drawn between two reports of progress."""

_FIRST_CHUNK_SECONDS = 0.02  # so that a stream is heard at once
_LAST_CHUNK_SECONDS = 0.25  # so that the work between chunks does not count


def n_steps(seconds: float | None, steps: int | None, rate_hz: float) -> int | None:
    """Steps of a length given in either way; None where none is given."""
    if seconds is not None and steps is not None:
        raise ConfigError(f"give seconds ({seconds}) or steps ({steps}), not both")
    if seconds is not None:
        steps = round(seconds * rate_hz) if math.isfinite(seconds) else 0
    if steps is not None and steps < 1:
        raise ConfigError(
            f"{'steps' if seconds is None else 'seconds'} is "
            f"{steps if seconds is None else seconds}; it must come to one step at least, at "
            f"{rate_hz:g} steps a second"
        )
    return steps


def n_prime(available: int, seconds: float | None, rate_hz: float) -> int:
    """How many of a prime's symbols are taken: the first seconds of it, or all."""
    n = n_steps(seconds, None, rate_hz)
    if n is None:
        return available
    if n > available:
        raise ConfigError(
            f"{seconds:g} s of the prime were asked for; it has only {available / rate_hz:g} s"
        )
    return n


def need_room(n_primed: int, steps: int, rate_hz: float) -> None:
    """Refuse a prime that is longer than the sequence it begins."""
    if n_primed > steps:
        raise ConfigError(
            f"the prime has {n_primed / rate_hz:g} s ({n_primed} steps), longer than the "
            f"{steps / rate_hz:g} s ({steps} steps) asked for, which include it; use less of it "
            "(--prime-seconds) or ask for more"
        )


def chunks(rate_hz: float) -> Iterator[int]:
    """Steps of each chunk of a stream: few at first, then twice as many each time."""
    seconds = _FIRST_CHUNK_SECONDS
    while True:
        yield max(1, round(seconds * rate_hz))
        seconds = min(2 * seconds, _LAST_CHUNK_SECONDS)

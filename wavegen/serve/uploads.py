"""What listeners left with the server for a while: decoded primes and saved states, under caps.

Ids are random and long, so whoever knows one was told it. Touched from one thread only.
"""

from __future__ import annotations

import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import ConfigError, WavegenError

T = TypeVar("T")

_SHARES = 4
"""One address keeps at most this part of all memory; its own oldest things make room."""
_REMEMBERED = 10_000
"""Ids that are gone; an older one is unknown instead of expired."""


class UnknownIdError(ConfigError):
    """No such id was ever given out, or it was long ago."""


class ExpiredIdError(ConfigError):
    """What the id stood for is gone."""


class NoRoomError(WavegenError):
    """The memory for uploads is full of other people's things."""

    def __init__(self, message: str, retry_seconds: int) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds
        """When the oldest of them goes."""


@dataclass(frozen=True)
class _Kept(Generic[T]):
    value: T
    address: str
    model: str
    n_bytes: int
    expires: float


class Uploads(Generic[T]):
    """Things of one kind, such as primes, each for one model, for `seconds` at most."""

    def __init__(
        self,
        what: str,
        *,
        seconds: float,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._clock = what, clock
        self.seconds, self.max_bytes = seconds, max_bytes
        self.n_bytes = 0
        """Held now."""
        self._kept: OrderedDict[str, _Kept[T]] = OrderedDict()  # the oldest first
        self._gone: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._kept)

    def add(self, value: T, n_bytes: int, *, address: str, model: str) -> str:
        """Keep it, and return its id.

        Raises `ConfigError` where it is more than one address may keep, `NoRoomError` where others
        fill the memory.
        """
        self.sweep()
        share = self.max_bytes // _SHARES
        if n_bytes > share:
            raise ConfigError(
                f"a {self._what} of {n_bytes} bytes; at most {share} are kept for one address, so "
                "send a shorter one"
            )
        own = [(id, kept.n_bytes) for id, kept in self._kept.items() if kept.address == address]
        total = sum(size for _, size in own)
        for id, size in own:
            if total + n_bytes <= share:
                break
            self._drop(id)
            total -= size
        if self.n_bytes + n_bytes > self.max_bytes:
            oldest = next(iter(self._kept.values()))
            wait = max(1, math.ceil(oldest.expires - self._clock()))
            raise NoRoomError(
                f"no room for a {self._what} of {n_bytes} bytes: {self.n_bytes} of "
                f"{self.max_bytes} are taken; try again in {wait} s",
                wait,
            )
        id = secrets.token_urlsafe(24)
        self._kept[id] = _Kept(value, address, model, n_bytes, self._clock() + self.seconds)
        self.n_bytes += n_bytes
        return id

    def get(self, id: str, *, model: str) -> T:
        """What was kept.

        Raises `UnknownIdError`, `ExpiredIdError`, or `ConfigError` where another model's is meant.
        """
        self.sweep()
        if (kept := self._kept.get(id)) is None:
            if id in self._gone:
                raise ExpiredIdError(
                    f"the {self._what} {id!r:.80} is gone: one is kept for {self.seconds:g} s, "
                    "less where many are sent; send it again"
                )
            raise UnknownIdError(f"no {self._what} has the id {id!r:.80}; send it first")
        if kept.model != model:
            raise ConfigError(
                f"the {self._what} {id!r:.80} was sent for the model {kept.model!r:.80}, not for "
                f"{model!r:.80}; name that one, or send it again"
            )
        return kept.value

    def sweep(self) -> None:
        """Let go of what is too old. Called by the others; call it now and then besides."""
        while self._kept:
            id, kept = next(iter(self._kept.items()))
            if kept.expires > self._clock():
                break
            self._drop(id)

    def _drop(self, id: str) -> None:
        self.n_bytes -= self._kept.pop(id).n_bytes
        self._gone[id] = None
        if len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)

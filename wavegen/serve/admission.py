"""Who may take how much: voices of one address, voices in the queue, messages a second."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .limits import Limits
from .refusals import Code, RefusedError


class Admission:
    """Counts voices; it belongs to the event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._of_address: Counter[str] = Counter()
        self.n_waiting = 0
        """Voices that have no slot yet."""
        self.is_draining = False

    def need_open(self) -> None:
        """Refuse everybody while the server is ending."""
        if self.is_draining:
            raise RefusedError(Code.GOING_AWAY, "this server is ending; try again in a few seconds")

    @contextmanager
    def voices(self, address: str, n: int) -> Iterator[Waiting]:
        """Room for n voices, which wait at first; inside the block they are counted."""
        self.need_open()
        limits = self._limits
        if n > limits.voices:
            raise RefusedError(
                Code.LIMIT, f"{n} voices were asked for; a connection has {limits.voices} at most"
            )
        taken = self._of_address[address]
        if taken + n > limits.voices_per_address:
            raise RefusedError(
                Code.TOO_MANY,
                f"{taken} voices are taken by this address and {n} more were asked for; it has "
                f"{limits.voices_per_address} at most, so end some first",
            )
        if self.n_waiting + n > limits.queue:
            raise RefusedError(
                Code.FULL,
                f"{self.n_waiting} voices wait for a slot and the queue has {limits.queue} "
                "places; try again in a few seconds",
            )
        waiting = Waiting(self, n)
        self._of_address[address] += n
        try:
            yield waiting
        finally:
            waiting.leave(n)
            self._of_address[address] -= n
            if not self._of_address[address]:
                del self._of_address[address]


class Waiting:
    """The voices of one request that have no slot yet."""

    def __init__(self, admission: Admission, n: int) -> None:
        self._admission, self._n = admission, n
        admission.n_waiting += n

    def leave(self, n: int = 1) -> None:
        """So many wait no longer, as far as they did."""
        n = min(n, self._n)
        self._n -= n
        self._admission.n_waiting -= n


class TokenBucket:
    """So many events a second on average, and twice as many at once."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._most = max(1.0, 2 * per_second)
        self._left, self._then = self._most, clock()

    def take(self) -> bool:
        """Whether one more event is within the rate."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._then) * self._per_second)
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

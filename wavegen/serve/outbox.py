"""What waits to be sent on one connection, in the order in which it happened."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ..errors import WavegenError
from ..scheduling.listener import Listener
from ..scheduling.scheduler import Scheduler
from .refusals import RefusedError
from .server_messages import FromServer


@dataclass(frozen=True)
class Place:
    """A voice waits: 1 is next."""

    voice: int
    place: int


@dataclass(frozen=True)
class Began:
    """A voice has a slot, beside the others that have one."""

    voice: int
    n_playing: int


@dataclass(frozen=True)
class Piece:
    """Steps of one voice, as they were made."""

    voice: int
    first: int
    n_steps: int
    raw: Any


@dataclass(frozen=True)
class Ended:
    """Nothing more comes of a voice; `error` is why, where not all of it was made."""

    voice: int
    error: WavegenError | None


@dataclass(frozen=True)
class Cancelled:
    """The listener had enough of a voice."""

    voice: int


@dataclass(frozen=True)
class State:
    """A voice as it is to be kept."""

    voice: int
    step: int
    content: bytes
    send: bool
    """Whether the listener wants it; else it is only kept here."""


@dataclass(frozen=True)
class Told:
    """An answer."""

    message: FromServer


@dataclass(frozen=True)
class Close:
    """The connection ends."""

    why: RefusedError


Item = Place | Began | Piece | Ended | Cancelled | State | Told | Close


class Outbox:
    """A queue that the engine thread fills and one task of the event loop empties.

    It needs no bound of its own: credits bound the pieces, the message rate bounds the answers.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[Item] = deque()
        self._filled = asyncio.Event()

    def put(self, item: Item, instead_of: Collection[int] = ()) -> None:
        """Add an item, in the event loop; pieces of the voices `instead_of` are forgotten."""
        if instead_of:
            self._items = deque(
                old
                for old in self._items
                if not (isinstance(old, Piece) and old.voice in instead_of)
            )
        self._items.append(item)
        self._filled.set()

    def post(self, item: Item, instead_of: Collection[int] = ()) -> None:
        """`put` from another thread; all that it posts stays in order."""
        self._loop.call_soon_threadsafe(self.put, item, instead_of)

    async def take(self) -> Item:
        """The next item, once there is one."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()


class Relay(Listener):
    """Tells an outbox what the engine thread says of one voice."""

    def __init__(self, outbox: Outbox, scheduler: Scheduler, voice: int) -> None:
        self._outbox, self._scheduler, self._voice = outbox, scheduler, voice

    def queued(self, place: int) -> None:
        """It waits."""
        self._outbox.post(Place(self._voice, place))

    def began(self) -> None:
        """It has a slot."""
        self._outbox.post(Began(self._voice, self._scheduler.n_playing))

    def piece(self, first_step: int, n_steps: int, raw: Any) -> None:
        """Some of it was made."""
        self._outbox.post(Piece(self._voice, first_step, n_steps, raw))

    def ended(self, error: WavegenError | None) -> None:
        """It is over."""
        self._outbox.post(Ended(self._voice, error))

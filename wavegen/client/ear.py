"""A listener for measuring: it hears in real time, as the page does, and counts what went wrong."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ServerError
from ..serve.frames import Frame
from ..serve.listener_messages import Ack
from ..serve.messages import from_server
from ..serve.server_messages import Created, Done, Error, Queued
from .address import Address

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

BUFFER_SECONDS = 0.08
"""Held before sound begins, and again after an underrun."""
_ACK_SECONDS = 0.1


@dataclass
class Ear:
    """What has arrived, and what of it would have been heard by now. Times in seconds."""

    rate_hz: float
    arrived: int = 0
    underruns: int = 0
    _heard: float = 0.0
    _at: float | None = None
    """When `_heard` was true; None while it waits for its buffer."""

    def arrive(self, steps: int, now: float) -> None:
        """More steps came."""
        self.heard(now)
        self.arrived += steps
        held = self.arrived - self._heard
        if self._at is None and held >= BUFFER_SECONDS * self.rate_hz:
            self._at = now

    @property
    def is_playing(self) -> bool:
        """Whether anything sounds."""
        return self._at is not None

    def heard(self, now: float) -> int:
        """Steps that were heard by now; where they ran out, that is an underrun."""
        if self._at is not None:
            self._heard += (now - self._at) * self.rate_hz
            self._at = now
            if self._heard >= self.arrived:
                self._heard = float(self.arrived)
                self._at = None
                self.underruns += 1
        return int(self._heard)

    def ahead(self, now: float) -> float:
        """Seconds that are here and not heard yet."""
        return (self.arrived - self.heard(now)) / self.rate_hz


@dataclass
class Heard:
    """One listener's experience. Seconds since it began to connect."""

    first_piece: float | None = None
    first_sound: float | None = None
    underruns: int = 0
    steps: int = 0
    ahead: list[float] = field(default_factory=list[float])
    """Seconds held, at each ack."""
    xrt: float | None = None
    place: int = 0
    """The first one in the queue; 0 where it did not wait."""
    refused: str | None = None
    """The code of an error, if it ended with one."""


Enough = Callable[[Heard], bool]
"""Whether a listener has had what it came for."""


async def listen(
    address: Address,
    start: Mapping[str, Any],
    enough: Enough,
    leave: Callable[[ClientConnection], None] | None = None,
) -> Heard:
    """Listen until the end, or until it is enough; `leave` then goes without a word."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import WebSocketException

    heard, begun = Heard(), time.perf_counter()
    try:
        async with connect(
            address.stream_url,
            additional_headers=address.headers,
            compression=None,
            open_timeout=120,
            ping_interval=None,
            proxy=None,
        ) as socket:
            await socket.send(json.dumps(dict(start)))
            await _hear(socket, heard, begun, enough)
            if leave is not None:
                leave(socket)
    except ServerError as error:
        heard.refused = error.code
    except (OSError, WebSocketException) as error:
        heard.refused = type(error).__name__
    return heard


async def _hear(socket: ClientConnection, heard: Heard, begun: float, enough: Enough) -> None:
    from websockets.exceptions import ConnectionClosed

    ear = None
    due = begun + _ACK_SECONDS
    while not enough(heard):
        try:
            async with asyncio.timeout_at(_loop_time(due)):
                content = await socket.recv()
        except TimeoutError:
            content = None
        now = time.perf_counter()
        if now >= due:
            due = now + _ACK_SECONDS
            if ear is not None and ear.arrived:
                heard.ahead.append(ear.ahead(now))
                heard.underruns = ear.underruns
                with suppress(ConnectionClosed):  # what came before that is read next
                    await socket.send(Ack(steps=ear.heard(now)).text())
        if isinstance(content, bytes):
            assert ear is not None
            frame = Frame.unpack(content)
            ear.arrive(frame.steps, now)
            heard.steps, heard.underruns = ear.arrived, ear.underruns
            if heard.first_piece is None:
                heard.first_piece = now - begun
            if heard.first_sound is None and ear.is_playing:
                heard.first_sound = now - begun
        elif content is not None:
            match from_server(content):
                case Created() as about:
                    ear, heard.xrt = Ear(about.rate_hz), about.xrt
                case Queued() as queued:
                    heard.place = heard.place or queued.position
                case Error() as error if error.fatal:
                    raise ServerError(error.message, error.code)
                case Done():
                    return
                case _:
                    pass


def _loop_time(at: float) -> float:
    """A reading of `time.perf_counter` on the clock of the loop."""
    return asyncio.get_running_loop().time() + at - time.perf_counter()

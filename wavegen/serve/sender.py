"""The task that sends: what is in the outbox becomes frames, in order."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from starlette.websockets import WebSocket

from ..errors import WavegenError
from .admission import Waiting
from .asking import Openings
from .frames import Frame, Kind
from .outbox import Began, Cancelled, Close, Ended, Outbox, Piece, Place, State, Told
from .pacing import Pace
from .refusals import Code, RefusedError, refusal
from .served import Served
from .server_messages import Created, Done, Error, FromServer, Queued, Rewound, Saved
from .service import Service

_KINDS = {
    "samples": Kind.SAMPLES,
    "notes": Kind.LINES,
    "values": Kind.LINES,
    "bytes": Kind.BYTES,
}
_FRAME_STEPS = 16_384  # of samples; a prime is handed out at once, and may be long


@dataclass(frozen=True)
class Order:
    """What one listener has asked for, and is to get."""

    served: Served
    made: Openings
    pace: Pace
    encoding: str
    encode: Callable[[Any], bytes]
    address: str
    asked_at: float
    """By the monotonic clock."""


class Sender:
    """Knows what a listener was told so far."""

    def __init__(
        self, socket: WebSocket, outbox: Outbox, service: Service, order: Order, waiting: Waiting
    ) -> None:
        self._socket, self._outbox, self._service = socket, outbox, service
        self._order, self._waiting = order, waiting
        voices = len(order.made.makes)
        self.sent = [0] * voices
        """By voice, the step that comes next."""
        self.is_done = [False] * voices
        self.is_created = False
        self.is_rewound = False
        self.wait_seconds = 0.0
        """How long the listener was told to wait."""
        self._waits: dict[int, int | None] = dict.fromkeys(range(voices))  # with their places
        self._place = 0
        self._has_sounded = False

    async def run(self) -> None:
        """Send until all voices are done."""
        while not all(self.is_done):
            match await self._outbox.take():
                case Place(voice, place):
                    await self._queued(voice, place)
                case Began(voice, n_playing):
                    await self._began(voice, n_playing)
                case Piece(voice, first, n_steps, raw):
                    await self._piece(voice, first, n_steps, raw)
                case Ended(voice, None):
                    await self._done(voice, "finished")
                case Ended(_, error):
                    assert error is not None
                    raise refusal(error)
                case Cancelled(voice):
                    await self._done(voice, "cancelled")
                case State(voice, step, content, send):
                    await self._state(voice, step, content, send)
                case Told(message):
                    if isinstance(message, Rewound):
                        self.sent, self.is_rewound = list(message.steps), True
                    await self._tell(message)
                case Close(why):
                    raise why

    async def _queued(self, voice: int, place: int) -> None:
        """The place of the voice that is next, where that has changed."""
        self._waits[voice] = place
        best = min(place for place in self._waits.values() if place is not None)
        if not self.is_created and best != self._place:
            self._place = best
            await self._tell(Queued(position=best))

    async def _began(self, voice: int, n_playing: int) -> None:
        self._stop_waiting(voice)
        begun = self._order.made.begun[voice]
        self.sent[voice] = begun.first
        if self.is_created:
            return
        self.is_created = True
        served, pace = self._order.served, self._order.pace
        xrt = served.scheduler.speeds.xrt(max(1, n_playing), served.rate_hz)
        self.wait_seconds = pace.wait_seconds(xrt)
        created = Created(
            id=secrets.token_urlsafe(12),
            model=served.name,
            kind=served.kind,
            rate_hz=served.rate_hz,
            encoding=self._order.encoding,
            seeds=[begun.seed - voice + i for i in range(len(self.sent))],
            first=begun.first,
            max_ahead_ms=pace.max_ahead_ms,
            xrt=xrt,
            wait_seconds=self.wait_seconds,
        )
        await self._tell(created)

    async def _piece(self, voice: int, first: int, n_steps: int, raw: Any) -> None:
        kind = _KINDS[self._order.served.kind]
        for step, n, payload in cut(kind, first, n_steps, self._order.encode(raw)):
            # Before it is sent, since the listener may say that it heard it while this waits.
            self.sent[voice] = step + n
            await self._in_time(
                self._socket.send_bytes(Frame(kind, voice, n, step, payload).pack())
            )
        if not self._has_sounded:
            self._has_sounded = True
            waited = time.monotonic() - self._order.asked_at
            self._service.metrics.first_piece.observe(waited)

    async def _state(self, voice: int, step: int, content: bytes, send: bool) -> None:
        store, order = self._service.store.states, self._order
        try:
            id = store.add(content, len(content), address=order.address, model=order.served.name)
        except WavegenError as error:
            await self._tell(complaint(error, voice))
            return
        if send:
            frame = Frame(Kind.STATE, voice, 0, step, content)
            await self._in_time(self._socket.send_bytes(frame.pack()))
        await self._tell(Saved(voice=voice, id=id, step=step, expires_s=store.seconds))

    async def _done(self, voice: int, reason: Literal["finished", "cancelled"]) -> None:
        self._stop_waiting(voice)
        if not self.is_done[voice]:
            self.is_done[voice] = True
            await self._tell(Done(voice=voice, steps=self.sent[voice], reason=reason))

    def _stop_waiting(self, voice: int) -> None:
        if voice in self._waits:
            del self._waits[voice]
            self._waiting.leave()

    async def _tell(self, message: FromServer) -> None:
        await self._in_time(self._socket.send_text(message.text()))

    async def _in_time(self, sending: Awaitable[None]) -> None:
        """A listener that takes nothing is not waited for."""
        seconds = self._service.limits.send_seconds
        try:
            async with asyncio.timeout(seconds):
                await sending
        except TimeoutError:
            raise RefusedError(
                Code.TOO_SLOW, f"nothing was taken for {seconds:g} s; read what is sent"
            ) from None


def complaint(error: WavegenError, voice: int | None = None) -> Error:
    """What a listener is told that may go on."""
    refused = refusal(error)
    return Error(code=refused.code.value.name, message=str(refused), voice=voice, fatal=False)


def cut(kind: Kind, first: int, n_steps: int, payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    """First step, steps and payload of each frame; only sound is ever too long for one."""
    if kind is not Kind.SAMPLES:
        if payload or n_steps:
            yield first, n_steps, payload
        return
    width = len(payload) // n_steps if n_steps else 0
    for begin in range(0, n_steps, _FRAME_STEPS):
        end = min(n_steps, begin + _FRAME_STEPS)
        yield first + begin, end - begin, payload[begin * width : end * width]

"""One WebSocket connection, from its first frame to its close code.

Three tasks share it: one receives, so that a listener who leaves is noticed at once; one sends; one
watches the clock. Whichever ends first ends the others, and the voices leave their slots.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..errors import ConfigError, WavegenError
from . import messages
from .admission import TokenBucket
from .asking import openings
from .commands import Commands
from .ensemble import Ensemble
from .guard import ADMITTED, Door
from .listener_messages import FromListener, Start
from .outbox import Close, Outbox
from .pacing import Pace
from .racing import first_of
from .refusals import Code, RefusedError, refusal
from .sender import Order, Sender
from .server_messages import Error
from .service import Service, Visit, log

_LONGEST_REASON = 120  # a close frame holds 123 bytes


class Session(Visit):
    """A listener and its voices."""

    def __init__(self, socket: WebSocket, service: Service, door: Door) -> None:
        self._socket, self._service, self._door = socket, service, door
        self._limits = service.limits
        self._bucket = TokenBucket(self._limits.messages_per_second)
        self._commands: Commands | None = None
        self._outbox = Outbox()

    async def run(self) -> None:
        """Play until one of both has had enough."""
        service = self._service
        try:
            await self._socket.accept()
            service.admission.need_open()
            service.visits.add(self)
            service.metrics.listeners.inc()
            try:
                await self._play(await self._greeting())
            finally:
                service.metrics.listeners.dec()
                service.visits.discard(self)
            await self._close(1000, "")
        except (WebSocketDisconnect, OSError):
            pass  # it has left, which is how most streams end
        except WavegenError as error:
            await self._refuse(refusal(error))
        except Exception:
            log.exception("connection of %s", self._address)
            await self._refuse(RefusedError(Code.FAULT, "the server failed; try again"))

    def go_away(self, grace_seconds: float) -> None:
        """Its states first, then how much time is left; who still waits has none."""
        if self._commands is None:
            self.leave()
        else:
            self._commands.go_away(grace_seconds)

    def leave(self) -> None:
        """End it."""
        self._outbox.put(
            Close(RefusedError(Code.GOING_AWAY, "the server ends; go on with your state"))
        )

    @property
    def _address(self) -> str:
        client = self._socket.client
        return "" if client is None else client.host

    async def _greeting(self) -> Start:
        """The first message, in time and with the token."""
        limits = self._limits
        try:
            async with asyncio.timeout(limits.start_seconds):
                start = await self._received()
        except TimeoutError:
            raise RefusedError(
                Code.TOO_SLOW, f"no start came within {limits.start_seconds:g} s; send it first"
            ) from None
        if not isinstance(start, Start):
            raise RefusedError(
                Code.PROTOCOL, f"the first message is {start.type}; it must be a start"
            )
        if not self._socket.scope[ADMITTED] and not self._door.is_token(start.token or ""):
            raise RefusedError(
                Code.TOKEN, "the token is missing or wrong; send it in start, or as a header"
            )
        return start

    async def _play(self, start: Start) -> None:
        """All of the sequence, as far as the listener wants it."""
        service, limits = self._service, self._limits
        asked_at = time.monotonic()
        served = service.models.named(start.model)
        encoding, encode = served.encoding(start.encoding)
        with service.admission.voices(self._address, start.voices) as waiting:
            made = openings(start, served, start.voices, service.store, limits)
            pace = Pace.of(start.max_ahead_ms, made.seconds, served, start.voices, limits)
            order = Order(served, made, pace, encoding, encode, self._address, asked_at)
            ensemble = Ensemble(served.scheduler, made, self._outbox, pace.max_ahead_steps)
            sender = Sender(self._socket, self._outbox, service, order, waiting)
            commands = Commands(service, order, ensemble, self._outbox, sender)
            try:
                service.order(ensemble.join)
                self._commands = commands
                await first_of(self._obey(commands), sender.run(), commands.watch())
            finally:
                self._commands = None
                service.order(ensemble.close)

    async def _obey(self, commands: Commands) -> None:
        """Do what the listener says, for as long as it is there."""
        while True:
            try:
                commands.obey(await self._received())
            except ConfigError as error:
                commands.complain(error)

    async def _received(self) -> FromListener:
        """The next message."""
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1005))
        if not self._bucket.take():
            raise RefusedError(
                Code.TOO_MANY,
                f"more than {self._limits.messages_per_second:g} messages a second came; send "
                "fewer",
            )
        if event.get("text") is None:
            raise RefusedError(Code.PROTOCOL, "a binary frame came; send JSON in text frames")
        return messages.from_listener(event["text"])

    async def _refuse(self, refused: RefusedError) -> None:
        """Say why, and close."""
        meaning = refused.code.value
        self._service.metrics.refused(refused.code)
        log.debug("refused %s: %s (%s)", self._address, refused, meaning.name)
        await self._send_last(Error(code=meaning.name, message=str(refused)).text())
        await self._close(meaning.close, meaning.name)

    async def _send_last(self, text: str) -> None:
        """A text frame, if it can still be sent."""
        if self._socket.application_state is WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect, OSError, RuntimeError, TimeoutError):
                async with asyncio.timeout(self._limits.send_seconds):
                    await self._socket.send_text(text)

    async def _close(self, code: int, reason: str) -> None:
        with suppress(WebSocketDisconnect, OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(self._limits.send_seconds):
                await self._socket.close(code, reason[:_LONGEST_REASON])

"""`POST /v1/generate/stream`: one sequence while it is made, paced by the server's clock.

A client of plain HTTP cannot say what it has heard, so it counts as heard at the pace at which it
sounds. What `wavegen stream` writes comes as it is, or in server-sent events.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ..errors import WavegenError
from . import refusals
from .admission import Waiting
from .asked import Generate
from .asking import Openings, openings
from .ensemble import Ensemble
from .outbox import Began, Close, Ended, Outbox, Piece
from .pacing import Pace
from .racing import first_of, until_left
from .refusals import Code, RefusedError, refusal
from .service import Service, Visit, log

_AHEAD_MS = 1000
_CLOCK_SECONDS = 0.1


class PacedResponse(Response, Visit):
    """An ASGI response that is a listener."""

    def __init__(self, service: Service, asked: Generate, address: str) -> None:
        super().__init__()
        self._service, self._asked, self._address = service, asked, address
        self._served = service.models.named(asked.model)
        self._form = self._served.form
        if asked.response_format is not None:
            suffix = self._served.suffix(asked.response_format)
            if suffix != self._served.suffix(None):
                raise RefusedError(
                    Code.FORMAT,
                    f"the format {suffix} cannot be streamed; leave response_format out, or ask "
                    "/v1/generate",
                )
        self._outbox = Outbox()
        self._asked_at = time.monotonic()
        self._has_begun = False
        self._sounds_from: tuple[float, int] | None = None
        """When its first step was sent, and which that was."""

    def go_away(self, grace_seconds: float) -> None:
        """It may still be in time."""

    def leave(self) -> None:
        """It was not."""
        self._outbox.put(Close(RefusedError(Code.GOING_AWAY, "the server ends; try again")))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Play until one of both has had enough."""
        try:
            await self._play(receive, send)
        except OSError:
            pass  # it has left
        except WavegenError as error:
            refused = refusal(error)
            self._service.metrics.refused(refused.code)
            log.debug("refused %s: %s", self._address, refused)
            if not self._has_begun:
                status, headers = refused.code.value.status, refusals.headers(refused)
                answer = JSONResponse(refusals.body(refused), status, headers)
                await answer(scope, receive, send)
            else:
                await self._break_off(refused, send)

    async def _play(self, receive: Receive, send: Send) -> None:
        service, served = self._service, self._served
        with service.admission.voices(self._address, 1) as waiting:
            made = openings(self._asked, served, 1, service.store, service.limits)
            pace = Pace.of(_AHEAD_MS, made.seconds, served, 1, service.limits)
            ensemble = Ensemble(served.scheduler, made, self._outbox, pace.max_ahead_steps)
            service.visits.add(self)
            try:
                service.order(ensemble.join)
                await first_of(
                    self._send(made, waiting, send), until_left(receive), self._clock(ensemble)
                )
            finally:
                service.visits.discard(self)
                service.order(ensemble.close)

    async def _send(self, made: Openings, waiting: Waiting, send: Send) -> None:
        """All that is made, until it ends."""
        while True:
            match await self._outbox.take():
                case Began():
                    waiting.leave()
                    await self._begin(made, send)
                case Piece(_, first, _, raw):
                    await self._piece(first, raw, send)
                case Ended(_, None):
                    break
                case Ended(_, error):
                    assert error is not None
                    raise error
                case Close(why):
                    raise why
        if self._asked.stream_format == "sse":
            await self._chunk(_event({"type": "speech.audio.done"}), send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self, made: Openings, send: Send) -> None:
        is_sse = self._asked.stream_format == "sse"
        headers = {
            "content-type": "text/event-stream" if is_sse else self._form.media_type,
            "cache-control": "no-store",
            "x-wavegen-seed": str(made.begun[0].seed),
            "x-wavegen-model": self._served.name.encode().decode("latin-1"),
        }
        raw_headers = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        self._has_begun = True
        await send({"type": "http.response.start", "status": 200, "headers": raw_headers})
        if not is_sse and self._form.header:
            await self._chunk(self._form.header, send)

    async def _piece(self, first: int, raw: Any, send: Send) -> None:
        content = self._form.pack(raw)
        if not content:
            return
        if self._sounds_from is None:
            self._sounds_from = (time.monotonic(), first)
            waited = time.monotonic() - self._asked_at
            self._service.metrics.first_piece.observe(waited)
        if self._asked.stream_format == "sse":
            audio = base64.b64encode(content).decode()
            content = _event({"type": "speech.audio.delta", "audio": audio})
        await self._chunk(content, send)

    async def _chunk(self, content: bytes, send: Send) -> None:
        seconds = self._service.limits.send_seconds
        try:
            async with asyncio.timeout(seconds):
                await send({"type": "http.response.body", "body": content, "more_body": True})
        except TimeoutError:
            raise RefusedError(Code.TOO_SLOW, f"nothing was taken for {seconds:g} s") from None

    async def _clock(self, ensemble: Ensemble) -> None:
        """What was sent is heard at its own pace."""
        while True:
            await asyncio.sleep(_CLOCK_SECONDS)
            if self._sounds_from is not None:
                since, first = self._sounds_from
                heard = first + int((time.monotonic() - since) * self._served.rate_hz)
                self._service.order(ensemble.heard, heard, None)

    async def _break_off(self, refused: RefusedError, send: Send) -> None:
        """Events can say why; of the rest, the end without an end says it."""
        if self._asked.stream_format == "sse":
            await self._chunk(_event({"type": "error", **refusals.body(refused)}), send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _event(values: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(values)}\n\n".encode()

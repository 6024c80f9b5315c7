"""`POST /v1/generate`: one sequence as a whole file.

Its voice is one among the others of the scheduler, with as much credit as it is long.

Dimensions: T steps, E event shape.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from starlette.requests import Request
from starlette.responses import Response
from torch import Tensor

from ..errors import WavegenError
from ..scheduling.listener import Listener
from ..scheduling.stream import Stream
from .admission import Waiting
from .asked import Generate
from .asking import Openings, openings
from .racing import first_of, until_left
from .refusals import Code, RefusedError
from .served import Served
from .service import Service, Visit

_LEFT = 499  # the client has left, so nobody sees it; nginx's number for the logs
_MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".mid": "audio/midi",
    ".csv": "text/csv",
    ".json": "application/json",
    ".musicxml": "application/vnd.recordare.musicxml+xml",
}


class WholeFile(Visit):
    """One request, while its sequence is being made."""

    def __init__(self, service: Service, request: Request, asked: Generate) -> None:
        self._service, self._request = service, request
        self._served = service.models.named(asked.model)
        self._suffix = self._served.suffix(asked.response_format)
        self._asked = _with_length(asked, self._served)
        self._ending = asyncio.Event()

    def go_away(self, grace_seconds: float) -> None:
        """It may still be in time."""

    def leave(self) -> None:
        """It was not."""
        self._ending.set()

    async def response(self) -> Response:
        """The file."""
        service, served = self._service, self._served
        address = "" if self._request.client is None else self._request.client.host
        with service.admission.voices(address, 1) as waiting:
            service.visits.add(self)
            try:
                made = openings(self._asked, served, 1, service.store, service.limits)
                collected = _Collected(waiting)
                await first_of(
                    self._make(made, collected), until_left(self._request.receive), self._end()
                )
            finally:
                service.visits.discard(self)
        if not collected.whole.done():
            return Response(status_code=_LEFT)
        x = collected.symbols()
        content = await asyncio.to_thread(_file, made, served, x, self._suffix)
        headers = {
            "X-Wavegen-Seed": str(made.begun[0].seed),
            "X-Wavegen-Model": served.name,
            "X-Wavegen-RTF": f"{collected.seconds * served.rate_hz / max(1, len(x)):.4g}",
            "Content-Disposition": f'attachment; filename="wavegen{self._suffix}"',
        }
        kind = _MEDIA_TYPES.get(self._suffix, "application/octet-stream")
        return Response(content, media_type=kind, headers=headers)

    async def _make(self, made: Openings, collected: _Collected) -> None:
        scheduler = self._served.scheduler
        joined = self._service.engine.call(
            scheduler.join,
            made.makes[0],
            collected,
            max_ahead_steps=2 * made.most,  # never so far ahead that it would wait
            aside=made.aside,
        )
        try:
            await asyncio.shield(asyncio.wrap_future(joined))
            await collected.whole
        finally:
            joined.add_done_callback(self._closed)

    def _closed(self, joined: Future[Stream]) -> None:
        """Called once it has joined, even where nobody waited for that any more."""
        if joined.exception() is None:
            self._service.order(joined.result().close)

    async def _end(self) -> None:
        await self._ending.wait()
        raise RefusedError(Code.GOING_AWAY, "the server ends; try again in a few seconds")


class _Collected(Listener):
    """Keeps all symbols; its methods are called in the engine thread."""

    def __init__(self, waiting: Waiting) -> None:
        self._loop = asyncio.get_running_loop()
        self.whole: asyncio.Future[None] = self._loop.create_future()
        self.seconds = 0.0
        """It took so long, without the time in the queue."""
        self._waiting, self._pieces, self._began_at = waiting, list[Tensor](), 0.0

    def queued(self, place: int) -> None:
        """It waits."""

    def began(self) -> None:
        """It has a slot."""
        self._began_at = time.monotonic()
        self._loop.call_soon_threadsafe(self._waiting.leave)

    def drawn(self, x: Tensor) -> None:
        """The next symbols; an hour of sound as int64 would be a lot."""
        self._pieces.append(x.clone() if x.is_floating_point() else x.int())

    def piece(self, first_step: int, n_steps: int, raw: Any) -> None:
        """The same, decoded; the file is decoded as a whole."""

    def ended(self, error: WavegenError | None) -> None:
        """It is whole, or broken."""
        self.seconds = time.monotonic() - self._began_at
        self._loop.call_soon_threadsafe(self._settle, error)

    def symbols(self) -> Tensor:
        """All of them `(T, *E)`."""
        x = torch.cat(self._pieces)
        return x if x.is_floating_point() else x.long()

    def _settle(self, error: WavegenError | None) -> None:
        if self.whole.done():
            return
        if error is None:
            self.whole.set_result(None)
        else:
            self.whole.set_exception(error)


def _file(made: Openings, served: Served, x: Tensor, suffix: str) -> bytes:
    """The file's bytes, by way of a private file with a name of ours."""
    with TemporaryDirectory(prefix="wavegen-file-") as folder:
        path = Path(folder) / f"sequence{suffix}"
        served.model.domain.save(made.raw(x), path)
        return path.read_bytes()


def _with_length(asked: Generate, served: Served) -> Generate:
    """As long as its kind commonly is, where nobody says."""
    if asked.seconds is not None or asked.steps is not None:
        return asked
    return asked.model_copy(update={"seconds": served.model.domain.default_seconds})

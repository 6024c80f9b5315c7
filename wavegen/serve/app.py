"""The routes of the server, as an ASGI application."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import __version__
from ..errors import WavegenError
from ..plugins import plugins
from . import messages, metrics, page, refusals
from .guard import Door, Guard
from .paced import PacedResponse
from .page import PageFile
from .refusals import Code, RefusedError, refusal
from .service import Service, log
from .session import Session
from .uploading import uploaded
from .whole_files import WholeFile

_CODES = {404: Code.UNKNOWN, 405: Code.METHOD}


def application(service: Service, door: Door, files: Mapping[str, PageFile]) -> ASGIApp:
    """All routes behind the door; `files` is the page."""
    app = routes(service, door, files)
    guarded: ASGIApp = Guard(app, door, service.limits.body_bytes, service.metrics.refused)
    if door.origins:  # a page from there may read what it is answered
        guarded = CORSMiddleware(
            guarded,
            allow_origins=door.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["X-Wavegen-Seed", "X-Wavegen-Model", "X-Wavegen-RTF"],
        )
    return _Quiet(guarded)


def routes(service: Service, door: Door, files: Mapping[str, PageFile]) -> FastAPI:
    """What is behind the door; no pages of documentation, which would load scripts of others."""
    app = FastAPI(title="wavegen", version=__version__, docs_url=None, redoc_url=None)

    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await Session(socket, service, door).run()

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [served.described() for served in service.models]}

    @app.get("/v1/plugins")
    async def all_plugins() -> dict[str, Any]:
        rows = [asdict(row) for row in plugins().rows()]
        for row in rows:  # where a file lies here is nobody's business
            row["target"] = Path(row["target"]).name
        return {"plugins": rows}

    @app.post("/v1/uploads")
    async def uploads(request: Request, kind: str, model: str, suffix: str = "") -> dict[str, Any]:
        service.admission.need_open()
        return await uploaded(service, request, kind, model, suffix)

    @app.post("/v1/generate")
    async def generate(request: Request) -> Response:
        asked = messages.generate(await request.body())
        return await WholeFile(service, request, asked).response()

    @app.post("/v1/generate/stream")
    async def generate_stream(request: Request) -> Response:
        asked = messages.generate(await request.body())
        address = "" if request.client is None else request.client.host
        return PacedResponse(service, asked, address)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        service.admission.need_open()
        return {"status": "ok"}

    @app.get("/metrics")
    async def figures() -> Response:
        return Response(service.metrics.text(), media_type=metrics.MEDIA_TYPE)

    for place, file in files.items():
        app.add_api_route(place, _shown(file), methods=["GET", "HEAD"], include_in_schema=False)
    _tell_refusals(app, service)
    return app


def _shown(file: PageFile) -> Callable[[], Awaitable[Response]]:
    async def show() -> Response:
        return Response(file.content, media_type=file.media_type, headers=page.HEADERS)

    return show


def _tell_refusals(app: FastAPI, service: Service) -> None:
    """Every error is one line of the same JSON, and no trace leaves the server."""

    def answer(refused: RefusedError) -> JSONResponse:
        service.metrics.refused(refused.code)
        status, headers = refused.code.value.status, refusals.headers(refused)
        return JSONResponse(refusals.body(refused), status, headers)

    @app.exception_handler(WavegenError)
    async def refuse(request: Request, error: WavegenError) -> JSONResponse:
        return answer(refusal(error))

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, Code.VALUE)
        return answer(RefusedError(code, f"{request.method} {request.url.path}: {error.detail}"))

    @app.exception_handler(RequestValidationError)
    async def no_query(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return answer(RefusedError(Code.VALUE, f"{place}: {first['msg']}"))

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> JSONResponse:
        id = secrets.token_hex(8)
        log.error("request %s, %s %s", id, request.method, request.url.path, exc_info=error)
        return answer(RefusedError(Code.FAULT, f"the server failed (request {id}); try again"))


class _Quiet:
    """What fails before there is an answer is logged and answered here; what fails later, above."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            if not has_begun:
                log.exception("a request failed at the door")
                answer = RefusedError(Code.FAULT, "the server failed; try again")
                await JSONResponse(refusals.body(answer), 500)(scope, receive, send)

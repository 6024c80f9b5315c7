"""The door of the server: every request passes it, whatever its route.

It compares the token, refuses pages of other origins and names of other hosts (a page whose name
was made to point here, by DNS rebinding, has its own name in `Host`), and counts bytes.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusals import Code, RefusedError, body, headers

ADMITTED = "wavegen.admitted"
"""In the scope of a WebSocket: whether its token has been seen, or none is needed."""

COOKIE = "wavegen_token"
"""Where a browser keeps the token, which it got as `/?token=TOKEN`."""


_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(:\d+)?")


@dataclass(frozen=True)
class Door:
    """Who may come in."""

    host: str
    """The name that the server was told to listen at."""
    token: str | None = None
    origins: tuple[str, ...] = ()
    """Of pages besides its own, such as `https://music.example`."""

    def is_token(self, given: str) -> bool:
        """Whether this is the token; it takes as long for a near miss as for any other."""
        return self.token is None or hmac.compare_digest(given.encode(), self.token.encode())

    def check(self, found: Mapping[str, str]) -> None:
        """Refuse the host that a request names, or the page that it comes from."""
        host = found.get("host", "")
        found_name = _HOST.fullmatch(host)
        name = "" if found_name is None else found_name["name"].strip("[]").lower()
        known = {"localhost", self.host.lower(), *(urlsplit(o).hostname for o in self.origins)}
        if name not in known and not _is_address(name):
            raise RefusedError(
                Code.ORIGIN,
                f"the host {host[:80]!r} is not this server's; start it with --origin "
                "https://HOST, or use its address",
            )
        origin = found.get("origin")
        own = (f"http://{host}", f"https://{host}")
        if origin is not None and origin not in own + self.origins:
            raise RefusedError(
                Code.ORIGIN,
                f"pages of {origin[:80]!r} may not use this server; start it with "
                "--origin and that",
            )

    def admits(self, found: Mapping[str, str]) -> bool | None:
        """Whether the token that headers hold is right; None where they hold none."""
        kind, _, given = found.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.is_token(given.strip())
        try:
            morsel = SimpleCookie(found.get("cookie", "")).get(COOKIE)
        except CookieError:
            morsel = None
        return None if morsel is None else self.is_token(morsel.value)


class Guard:
    """The ASGI application behind the door."""

    def __init__(
        self, app: ASGIApp, door: Door, body_bytes: int, refused: Callable[[Code], None]
    ) -> None:
        self._app, self._door, self._body_bytes = app, door, body_bytes
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        found = Headers(scope=scope)
        try:
            self._door.check(found)
            admitted = self._door.token is None or self._door.admits(found)
            if scope["type"] == "websocket":
                if admitted is False:
                    raise _no_token()
                scope[ADMITTED] = admitted is True
            elif not admitted:
                await self._greet(scope, receive, send)
                return
            else:
                receive = self._counted(found, receive)
        except RefusedError as refused:
            self._refused(refused.code)
            await _answer(refused)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _greet(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A browser that comes with the token in the address keeps it, and the address loses it."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if scope["path"] != "/" or len(given) != 1 or not self._door.is_token(given[0]):
            raise _no_token()
        response = RedirectResponse("/", 303)
        response.set_cookie(COOKIE, given[0], httponly=True, samesite="strict")
        await response(scope, receive, send)

    def _counted(self, found: Headers, receive: Receive) -> Receive:
        """`receive`, which fails where a body is longer than it may be."""
        said = found.get("content-length", "0")
        if said.isascii() and said.isdigit() and int(said) > self._body_bytes:
            raise self._too_large(said)
        n_bytes = 0

        async def counted() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > self._body_bytes:
                raise self._too_large("more")
            return message

        return counted

    def _too_large(self, said: str) -> RefusedError:
        return RefusedError(
            Code.TOO_LARGE,
            f"the body has {said[:20]} bytes, {self._body_bytes} are taken; send less, or start "
            "the server with another --limit.body_bytes",
        )


def address_with(url: str, token: str | None) -> str:
    """The address that a person can open in a browser."""
    return f"{url}/" if token is None else f"{url}/?token={quote(token, safe='')}"


def _no_token() -> RefusedError:
    return RefusedError(
        Code.TOKEN,
        "the token is missing or wrong; send it as Authorization: Bearer TOKEN, or open the "
        "address that the server printed",
    )


def _answer(refused: RefusedError) -> JSONResponse:
    return JSONResponse(body(refused), refused.code.value.status, headers(refused))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

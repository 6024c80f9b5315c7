"""Where a server is, and what it says over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from ..errors import ConfigError, ServerError

_PLAIN = {"ws": "http", "http": "http", "wss": "https", "https": "https"}
_SOCKET = {"http": "ws", "https": "wss"}


@dataclass(frozen=True)
class Address:
    """One server."""

    url: str
    """As `http://host:port` or `https://host:port`, with a path where a proxy has one."""
    token: str | None

    @classmethod
    def of(cls, url: str, token: str | None) -> Address:
        """Of `ws://`, `wss://`, `http://` or `https://`. Raises `ConfigError`."""
        try:
            parts = urlsplit(url)
            scheme, is_good = _PLAIN.get(parts.scheme), bool(parts.hostname and parts.port != 0)
        except ValueError:
            parts, scheme, is_good = urlsplit(""), None, False
        if scheme is None or not is_good:
            raise ConfigError(
                f"the server's address is {url!r:.200}; it must be like ws://127.0.0.1:8000"
            )
        return cls(f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}", token)

    @property
    def stream_url(self) -> str:
        """Of the WebSocket."""
        scheme, _, rest = self.url.partition("://")
        return f"{_SOCKET[scheme]}://{rest}/v1/stream"

    @property
    def headers(self) -> dict[str, str]:
        """What each request carries."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    def get(self, route: str) -> Any:
        """The JSON of a route."""
        return self._json(Request(f"{self.url}{route}", headers=self.headers))

    def text(self, route: str) -> str:
        """The text of a route."""
        return self._answer(Request(f"{self.url}{route}", headers=self.headers)).decode()

    def ask(self, route: str, body: Mapping[str, Any]) -> bytes:
        """What a route answers to JSON."""
        headers = {**self.headers, "Content-Type": "application/json"}
        content = json.dumps(body).encode()
        return self._answer(Request(f"{self.url}{route}", content, headers))

    def upload(self, route: str, query: Mapping[str, str], content: bytes) -> Any:
        """The JSON that a route answers to bytes."""
        headers = {**self.headers, "Content-Type": "application/octet-stream"}
        return self._json(Request(f"{self.url}{route}?{urlencode(query)}", content, headers))

    def nobody(self, error: Exception) -> ServerError:
        """The error where no server answers."""
        return ServerError(
            f"{self.url}: no server answers there ({_reason(error)}); start one with "
            "wavegen serve RUN",
            "unreachable",
        )

    def refused(self, status: int, body: bytes) -> ServerError:
        """The error where it answers with a refusal."""
        try:
            error = json.loads(body)["error"]
            return ServerError(f"{self.url}: {error['message']}", str(error["code"]))
        except (ValueError, LookupError, TypeError):
            return ServerError(f"{self.url}: the server answers {status}", f"http_{status}")

    def _json(self, request: Request) -> Any:
        try:
            return json.loads(self._answer(request))
        except ValueError:
            raise ServerError(
                f"{self.url}: what answers there is no server of wavegen; check the address",
                "protocol",
            ) from None

    def _answer(self, request: Request) -> bytes:
        try:
            with urlopen(request) as response:
                return response.read()
        except HTTPError as error:
            with error:
                raise self.refused(error.code, error.read()) from None
        except OSError as error:
            raise self.nobody(error) from error


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__

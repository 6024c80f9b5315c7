"""A server from Python: its models, whole files, and streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from ..controls import Controls
from ..errors import DataError
from ..serve import messages
from ..serve.asked import VERSION
from .address import Address
from .remote_stream import RemoteStream

_UNSENT = "id"


class Asked(TypedDict, total=False):
    """What can be asked of a sequence."""

    seconds: float | None
    steps: int | None
    """Its length, given in one of the two ways."""
    seed: int | None
    controls: Controls | None
    prime: Path | str | None
    """A file to go on from."""
    prime_seconds: float | None
    label: str | None
    plan: Mapping[str, Any] | None
    """What the model can be asked for, by name."""
    resume: bytes | None
    """What `RemoteStream.save` gave."""


def connect(url: str, token: str | None = None) -> Connection:
    """A server at `ws://host:port` or `http://host:port`; `token` is the one it was started with.

    Nothing is sent yet. Raises `ConfigError` where this is no address.
    """
    return Connection(Address.of(url, token))


class Connection:
    """One server. Each stream has a socket of its own; leaving the `with` closes those."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._streams: list[RemoteStream] = []

    def models(self) -> list[dict[str, Any]]:
        """What it plays, as `GET /v1/models` says it. Raises `ServerError`."""
        return self._address.get("/v1/models")["data"]

    def stream(
        self,
        model: str,
        *,
        encoding: str | None = None,
        max_ahead_ms: int | None = None,
        **asked: Unpack[Asked],
    ) -> RemoteStream:
        """One sequence while it is made; returns when the server begins, or has it in its queue.

        Without a seed the server takes any, without a length it goes on as long as the server
        allows. The server makes at most `max_ahead_ms` (1000) more than was taken. Raises
        `ServerError`.
        """
        own = {"type": "start", "version": VERSION, "model": model, "encoding": encoding}
        own["max_ahead_ms"] = max_ahead_ms
        start = self._message(own, asked, messages.from_listener)
        stream = RemoteStream(self._address, start)
        self._streams = [s for s in self._streams if not s.is_over] + [stream]
        return stream

    def generate(
        self, model: str, *, response_format: str | None = None, **asked: Unpack[Asked]
    ) -> bytes:
        """A whole sequence as a file: `wav`, `flac`, `mid`, ... Raises `ServerError`."""
        own = {"model": model, "response_format": response_format}
        return self._address.ask("/v1/generate", self._message(own, asked, messages.generate))

    def close(self) -> None:
        """Close all streams."""
        for stream in self._streams:
            stream.close()
        self._streams = []

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all streams."""
        self.close()

    def _message(
        self, own: Mapping[str, Any], asked: Asked, check: Callable[[str], object]
    ) -> dict[str, Any]:
        """What goes over the wire, once the files lie with the server."""
        wanted = {name: value for name, value in {**own, **asked}.items() if value is not None}
        prime, resume = wanted.pop("prime", None), wanted.pop("resume", None)
        if "controls" in wanted:
            wanted["controls"] = asdict(wanted["controls"])
        files = {
            name: _UNSENT
            for name, file in {"prime": prime, "resume": resume}.items()
            if file is not None
        }
        check(json.dumps({**wanted, **files}))  # before anything is sent
        model = str(own["model"])
        if prime is not None:
            path = Path(prime)
            query = {"kind": "prime", "model": model, "suffix": path.suffix}
            wanted["prime"] = self._upload(query, _content(path))
        if resume is not None:
            wanted["resume"] = self._upload({"kind": "state", "model": model}, resume)
        return wanted

    def _upload(self, query: Mapping[str, str], content: bytes) -> str:
        return self._address.upload("/v1/uploads", query, content)["id"]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error

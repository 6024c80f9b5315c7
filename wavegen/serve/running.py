"""A server on a socket, from its first listener to its end.

The first signal drains it: no new listeners, states for those that are here, then the end within
the time of grace. The second one ends it at once.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import socket
import sys
from contextlib import ExitStack
from types import FrameType

import uvicorn

from ..errors import ConfigError
from .app import application
from .guard import Door
from .page import files
from .service import Service

_BACKLOG = 2048
_PING_SECONDS = 20.0
_SWEEP_SECONDS = 30
_SILENT_MS = 30_000  # a peer that acknowledges nothing for so long has gone, or wants to harm


class Server(uvicorn.Server):
    """uvicorn's, with another way to end."""

    def __init__(self, service: Service, door: Door) -> None:
        limits = service.limits
        config = uvicorn.Config(
            application(service, door, files()),
            ws="websockets-sansio",  # the one that tells a sender at once that nobody reads
            ws_max_size=limits.message_bytes,
            ws_per_message_deflate=False,  # a small message could become a large one
            ws_ping_interval=_PING_SECONDS,
            ws_ping_timeout=_PING_SECONDS,
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,  # anyone can write them
            server_header=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=1,
            callback_notify=service.sweep,
            timeout_notify=_SWEEP_SECONDS,
        )
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._has_been_told = False

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Until the end."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal; it may come between any two instructions of the event loop."""
        if self._loop is None or self._has_been_told:
            os._exit(1)
        self._has_been_told = True
        self._loop.call_soon_threadsafe(self.drain)

    def drain(self) -> None:
        """Begin to end, in the event loop."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self._service.drain()
        finally:
            self.should_exit = True


def listening(host: str, port: int) -> socket.socket:
    """A socket to serve on. Raises `ConfigError` where it cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as stack:
            # Connections inherit the protocol; where it is not named asyncio leaves them to wait
            # for an acknowledgement, 40 ms, before the second thing that is sent.
            listener = stack.enter_context(
                socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            )
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Connections inherit these: the dead and the stubborn do not keep their buffers.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if sys.platform == "linux":
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_MS)
            listener.bind(address)
            listener.listen(_BACKLOG)
            stack.pop_all()
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}, port {port} ({error}); choose another with --port"
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a person on this machine finds it."""
    name, port = listener.getsockname()[:2]
    host = str({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name))
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def log_to_stderr() -> None:
    """Lines for whoever runs the server: what failed, and who was too slow to leave."""
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", level=logging.WARNING)
    # A frame that crosses with the listener's leaving is no news.
    logging.getLogger("asyncio").setLevel(logging.ERROR)


def spare_pauses() -> None:
    """Keep the collector off what is loaded and stays: one pass over PyTorch stops all sound.

    It took 0.2 s, at the second crowd of listeners.
    """
    gc.collect()
    gc.freeze()


def raise_file_limit() -> None:
    """A connection is a file; the soft limit is often 1024, and the hard one far above."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

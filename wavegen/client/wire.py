"""The WebSocket to a server: messages and frames, and one line where they end."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from ..errors import ConfigError, ProtocolError, ServerError
from ..serve import messages
from ..serve.frames import Frame
from ..serve.server_messages import FromServer
from .address import Address

_MAX_BYTES = 2**28
"""Of one message: a state may be large, and it is this listener who asked for it."""


class Wire:
    """An open socket. For one thread. Raises `ServerError` where nobody answers, or says no."""

    def __init__(self, address: Address) -> None:
        try:
            from websockets.exceptions import InvalidHandshake, InvalidStatus
            from websockets.sync.client import connect
        except ImportError as error:
            raise ConfigError(
                "streams of a server need websockets; pip install 'wavegen[serve]'"
            ) from error
        self._address = address
        self.is_open = True
        self._opened = ExitStack()
        try:
            socket = connect(
                address.stream_url,
                additional_headers=address.headers,
                compression=None,
                max_size=_MAX_BYTES,
                max_queue=None,  # credits bound what comes, and pings are answered meanwhile
            )
            self._socket = self._opened.enter_context(socket)
        except InvalidStatus as error:
            answer = error.response
            raise address.refused(answer.status_code, bytes(answer.body or b"")) from error
        except (OSError, InvalidHandshake) as error:
            raise address.nobody(error) from error

    def send(self, text: str) -> None:
        """Say something; if nobody listens any more, `receive` tells why."""
        from websockets.exceptions import ConnectionClosed

        with suppress(ConnectionClosed):
            self._socket.send(text)

    def receive(self, seconds: float | None) -> FromServer | Frame:
        """What the server says next. Raises `TimeoutError` where it says nothing for so long."""
        from websockets.exceptions import ConnectionClosed

        try:
            content = self._socket.recv(seconds)
            if isinstance(content, bytes):
                return Frame.unpack(content)
            return messages.from_server(content)
        except ConnectionClosed as error:
            self.close()
            raise self.error(f"the server hung up ({_line(error)})", "closed") from error
        except (ProtocolError, ConfigError) as error:
            raise self.fault(str(error)) from error

    def error(self, message: str, code: str) -> ServerError:
        """An error that names the server."""
        return ServerError(f"{self._address.url}: {message}", code)

    def fault(self, what: str) -> ServerError:
        """The error where the server says what it may not say; there is no going on."""
        self.close()
        return self.error(
            f"the server does not keep to the protocol ({what}); update one of the two", "protocol"
        )

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        self._opened.close()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())

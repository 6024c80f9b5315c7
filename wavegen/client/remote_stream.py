"""One sequence that a server makes, taken piece by piece."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Self, TypeVar, Unpack

from ..controls import ControlChanges
from ..errors import ConfigError, ProtocolError
from ..serve import messages
from ..serve.asked import Message
from ..serve.frames import Frame, Kind
from ..serve.listener_messages import Ack
from ..serve.server_messages import (
    Created,
    Done,
    Error,
    FromServer,
    GoingAway,
    Marked,
    Paused,
    Queued,
    Resumed,
    Rewound,
    Saved,
    Stats,
    Updated,
)
from .address import Address
from .pieces import pieces_of
from .wire import Wire

M = TypeVar("M", bound=Message)

_ACK_SECONDS = 0.01
"""A server closes on a listener that talks without a pause."""


class RemoteStream(Iterator[Any]):
    """Pieces in order; what was taken counts as heard. For one thread; close it, or use `with`.

    A piece is an array of samples `(T,)` float32, or for notes and values the dict of one step.
    """

    def __init__(self, address: Address, start: Mapping[str, Any]) -> None:
        self.stats: Stats | None = None
        """The last that the server told, about once a second."""
        self.places: list[int] = []
        """Where the stream stood in the server's queue, from first to last."""
        self.ticket: bytes | None = None
        """The last state that came: of `save`, or from a server that went away."""
        self._waiting = deque[tuple[int, Any]]()  # the step after each piece, and the piece
        self._heard = self._acked = 0
        self._acked_at = -_ACK_SECONDS
        self._ack_steps = 1
        self._wire = Wire(address)
        self._wire.send(json.dumps(dict(start)))
        self.about = self._until(Created)
        """What is played: `seeds`, `rate_hz`, `kind`, `encoding`, `xrt`, ..."""
        self._pieces_of = pieces_of(self.about)
        self._heard = self._acked = self.about.first
        self._ack_steps += round(self.about.max_ahead_ms / 4000 * self.about.rate_hz)

    @property
    def position(self) -> int:
        """Steps of all pieces that were taken, counted from the beginning of the sequence."""
        return self._heard

    @property
    def is_over(self) -> bool:
        """Whether no more comes from the server."""
        return not self._wire.is_open

    def __next__(self) -> Any:
        """The next piece, once it is there. Raises `ServerError` where the server breaks off."""
        while not self._waiting:
            if self.is_over:
                raise StopIteration
            self._take(self._received())
        self._heard, piece = self._waiting.popleft()
        return piece

    def update(self, **changes: Unpack[ControlChanges]) -> int:
        """Draw otherwise; the other controls stay. Returns the first step that is drawn so."""
        return self._ask({"type": "update", "controls": dict(changes)}, Updated).step

    def pause(self) -> int:
        """Make no more until `go_on`. Returns the step at which it stopped."""
        return self._ask({"type": "pause"}, Paused).step

    def go_on(self) -> int:
        """End a pause. Returns the step at which it goes on."""
        return self._ask({"type": "resume"}, Resumed).step

    def mark(self, name: str) -> int:
        """Remember the moment after the last piece that was taken. Returns its step."""
        return self._ask({"type": "mark", "name": name}, Marked).steps[0]

    def rewind(self, name: str) -> int:
        """Go back to a mark. Returns the first step of the next piece."""
        return self._ask({"type": "rewind", "name": name}, Rewound).steps[0]

    def save(self) -> bytes:
        """The state after the last piece that was taken: `Connection.stream(resume=...)`."""
        self.ticket = None
        self._ask({"type": "save"}, Saved)
        if self.ticket is None:
            raise self._wire.fault("a state was saved, but did not come")
        return self.ticket

    def close(self) -> None:
        """Stop, and free the slot."""
        self._waiting.clear()
        self._wire.close()

    def __enter__(self) -> Self:
        """The stream itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.close()

    def _ask(self, message: Mapping[str, Any], answer: type[M]) -> M:
        """Say something about the moment that is heard, and wait for the answer."""
        if self.is_over:
            raise ConfigError(
                "the stream is over; start another one, with resume=... to go on from a state"
            )
        asked = messages.from_listener(json.dumps(message))
        if self._heard > self._acked:
            self._ack()
        self._wire.send(asked.text())
        return self._until(answer)

    def _until(self, answer: type[M]) -> M:
        while True:
            received = self._received()
            self._take(received)
            if isinstance(received, answer):
                return received
            if self.is_over:
                raise ConfigError("the stream ended before that; start another one")

    def _received(self) -> FromServer | Frame:
        """What the server says next; it is told in time what was heard."""
        while self._heard - self._acked >= self._ack_steps:
            wait = self._acked_at + _ACK_SECONDS - time.monotonic()
            if wait <= 0:
                self._ack()
                break
            try:
                return self._wire.receive(wait)
            except TimeoutError:
                continue
        return self._wire.receive(None)

    def _ack(self) -> None:
        self._wire.send(Ack(steps=self._heard).text())
        self._acked, self._acked_at = self._heard, time.monotonic()

    def _take(self, received: FromServer | Frame) -> None:
        """Do what a message or a frame asks for."""
        match received:
            case Frame(kind=Kind.STATE):
                self.ticket = received.payload
            case Frame():
                self._add(received)
            case Queued():
                self.places.append(received.position)
            case Stats():
                self.stats = received
            case Rewound():
                self._waiting.clear()
                self._heard = self._acked = received.steps[0]
            case Done():
                self._wire.close()
            case Error():
                if received.fatal:
                    self._wire.close()
                raise self._wire.error(received.message, received.code)
            case GoingAway():
                self._wire.close()
                raise self._wire.error(
                    "the server ends; the stream can go on at another with resume=stream.ticket",
                    "going_away",
                )
            case _:  # answers, which whoever asked waits for
                pass

    def _add(self, frame: Frame) -> None:
        try:
            pieces = self._pieces_of(frame)
        except (ValueError, RecursionError, ProtocolError) as error:
            raise self._wire.fault(f"a piece that cannot be read: {error}") from error
        for number, piece in enumerate(pieces, 1):
            self._waiting.append((frame.first + frame.steps * number // len(pieces), piece))

"""A small server that speaks the stream protocol; what it plays counts its steps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from wavegen.serve.asked import Message
from wavegen.serve.frames import Frame, Kind
from wavegen.serve.listener_messages import (
    Ack,
    FromListener,
    Mark,
    Pause,
    Resume,
    Rewind,
    Save,
    Start,
    Update,
)
from wavegen.serve.messages import from_listener
from wavegen.serve.server_messages import (
    Created,
    Done,
    Error,
    Marked,
    Paused,
    Queued,
    Resumed,
    Rewound,
    Saved,
    Updated,
)

RATE_HZ = 1000
PIECE = 20
STATE = b"a state at step %d"


def samples(start: int, stop: int) -> np.ndarray:
    """What is played from step `start` on: the steps themselves, as 16-bit samples."""
    return (np.arange(start, stop) % 30_000).astype("<i2")


@dataclass
class Counter:
    """One listener."""

    socket: ServerConnection
    start: Start
    made: int = 0
    heard: int = 0
    most_ahead: int = 0
    acks: list[int] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    is_paused: bool = False

    def play(self) -> None:
        """Until the end, or until the listener goes away."""
        start, length = self.start, self.start.steps or 10**9
        ahead = start.max_ahead_ms * RATE_HZ // 1000
        self.say(
            Created(
                id="x", model=start.model, kind="samples", rate_hz=RATE_HZ, encoding="s16le",
                seeds=[start.seed or 0], first=self.made, max_ahead_ms=start.max_ahead_ms, xrt=9.0,
                wait_seconds=0.0,
            )
        )  # fmt: skip
        while self.made < length:
            runs = self.made - self.heard < ahead and not self.is_paused
            try:
                message = from_listener(self.socket.recv(0 if runs else None))
                self.answer(message)
            except TimeoutError:
                n = min(PIECE, length - self.made)
                payload = samples(self.made, self.made + n).tobytes()
                self.socket.send(Frame(Kind.SAMPLES, 0, n, self.made, payload).pack())
                self.made += n
                self.most_ahead = max(self.most_ahead, self.made - self.heard)
        self.say(Done(voice=0, steps=self.made, reason="finished"))

    def answer(self, message: FromListener) -> None:
        match message:
            case Ack():
                self.acks.append(message.steps)
                self.heard = message.steps
            case Update():
                self.say(Updated(step=self.made))
            case Pause():
                self.is_paused = True
                self.say(Paused(step=self.made))
            case Resume():
                self.is_paused = False
                self.say(Resumed(step=self.made))
            case Mark():
                self.marks[message.name] = self.heard
                self.say(Marked(name=message.name, steps=[self.heard]))
            case Rewind() if message.name not in self.marks:
                text = f"there is no mark {message.name!r}; set it first"
                self.say(Error(code="unknown", message=text, fatal=False))
            case Rewind():
                self.made = self.heard = self.marks[message.name]
                self.say(Rewound(name=message.name, steps=[self.heard]))
            case Save():
                self.socket.send(Frame(Kind.STATE, 0, 0, self.heard, STATE % self.heard).pack())
                self.say(Saved(voice=0, id="y", step=self.heard, expires_s=9.0))

    def say(self, message: Message) -> None:
        self.socket.send(message.text())


@dataclass
class StandIn:
    """The server, and what it saw."""

    url: str
    counters: list[Counter] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when a listener has gone."""


Play = Callable[[Counter], None]


def as_told(counter: Counter) -> None:
    counter.say(Queued(position=2))
    counter.say(Queued(position=1))
    counter.play()


@contextmanager
def standing_in(play: Play = as_told) -> Iterator[StandIn]:
    """A server on a free port; `play` may do otherwise than the protocol says."""
    stand_in = StandIn("")

    def listen(socket: ServerConnection) -> None:
        start = from_listener(socket.recv())
        assert isinstance(start, Start)
        counter = Counter(socket, start)
        stand_in.counters.append(counter)
        try:
            play(counter)
        except ConnectionClosed:
            pass
        finally:
            stand_in.gone.set()

    with serve(listen, "127.0.0.1", 0, compression=None) as server:
        stand_in.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()

"""A real server in a thread, for tests, and somebody who talks to it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
import torch
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from wavegen import checkpoint, config
from wavegen.playing import TrainedModel, load
from wavegen.plugins import plugins
from wavegen.scheduling.engine_thread import EngineThread
from wavegen.serve.frames import Frame
from wavegen.serve.guard import Door
from wavegen.serve.limits import Limits
from wavegen.serve.messages import from_server
from wavegen.serve.running import Server, listening, url_of
from wavegen.serve.server_messages import FromServer
from wavegen.serve.service import Service

RATE_HZ = 1000
N_SLOTS = 4
HOST = "127.0.0.1"
USUAL = Limits()


def write_run(run: Path, seed: int) -> Path:
    """A recurrent net for sound at 1 kHz with random weights, as training writes it."""
    torch.manual_seed(seed)
    domain, model = plugins().domain("audio"), plugins().model("recurrent")
    settings = config.parse(domain.spec.config, {"rate_hz": RATE_HZ}, "domain")
    sound = domain.spec.build(settings)
    sizes = config.parse(model.spec.config, {"layers": 1, "width": 16, "embedding": 8}, "model")
    head = sound.head()
    net = model.spec.build(sizes, sound.spec(head))

    def offer(found: Any, values: Any) -> dict[str, Any]:
        names = ("name", "plugin", "distribution", "version")
        return {name: getattr(found, name) for name in names} | {"config": config.to_dict(values)}

    values = {
        "model": offer(model, sizes),
        "domain": offer(domain, settings),
        "spec": config.to_dict(net.spec),
        "lead_in": 1,
        "trained": {"steps": 1},
    }
    weights = torch.nn.ModuleDict({"model": net, "head": head}).state_dict()
    checkpoint.write(run, 1, config=values, weights=weights, card="a toy")
    return run


def loaded(run: Path) -> TrainedModel:
    return load(run, "cpu", engine="torch", slots=N_SLOTS)


@dataclass
class Running:
    """A server that listens."""

    server: Server
    service: Service
    url: str
    loop: asyncio.AbstractEventLoop

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws") + "/v1/stream"

    def in_loop(self, fn: Callable[[], Any]) -> Any:
        """What `fn` gives in the server's event loop."""

        async def call() -> Any:
            return fn()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(10)

    @contextmanager
    def talk(self, **options: Any) -> Iterator[Talk]:
        """A connection that has said nothing yet."""
        with connect(self.ws, max_size=None, max_queue=None, **options) as socket:
            yield Talk(socket)

    @contextmanager
    def started(self, **start: Any) -> Iterator[Talk]:
        """A connection that has sent a `start`."""
        with self.talk() as talk:
            talk.start(**start)
            yield talk

    def idle(self) -> bool:
        """Whether nobody has a slot or waits for one, within some seconds."""
        done = threading.Event()
        for _ in range(500):
            schedulers = self.service.engine.schedulers.values()
            if not self.service.visits and not any(s.n_playing + s.n_queued for s in schedulers):
                return True
            done.wait(0.01)
        return False


class Talk:
    """A listener."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: dict[int, list[Frame]] = {}
        """Pieces, by voice."""

    def say(self, type: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": type, **fields}))

    def start(self, **fields: Any) -> None:
        self.say("start", **{"version": 1, "model": "toy", "seed": 7, **fields})

    def hear(self) -> FromServer | Frame:
        """The next frame; pieces are kept besides."""
        content = self.socket.recv(timeout=20)
        if isinstance(content, str):
            return from_server(content)
        frame = Frame.unpack(content)
        if frame.steps:
            self.frames.setdefault(frame.voice, []).append(frame)
        return frame

    def until(self, kind: type[Any]) -> Any:
        """The next one of that class."""
        while not isinstance(heard := self.hear(), kind):
            pass
        return heard

    def steps(self, n: int, voice: int = 0) -> None:
        """Read until so many steps of a voice have come."""
        while sum(frame.steps for frame in self.frames.get(voice, [])) < n:
            self.hear()

    def bytes(self, voice: int = 0) -> bytes:
        """All that came of a voice, which has no gaps."""
        frames = self.frames.get(voice, [])
        for before, after in pairwise(frames):
            assert after.first == before.first + before.steps
        return b"".join(frame.payload for frame in frames)

    def close_code(self) -> int:
        """Read on to the end."""
        with pytest.raises(ConnectionClosed) as caught:
            self.until(NoneType)  # which never comes
        assert caught.value.rcvd is not None, "the connection broke"
        return caught.value.rcvd.code


@contextmanager
def running(
    models: Mapping[str, TrainedModel],
    engine: EngineThread,
    limits: Limits = USUAL,
    token: str | None = None,
    origins: tuple[str, ...] = (),
) -> Iterator[Running]:
    """A server of its own on a free port; the models and their thread are shared."""
    with listening(HOST, 0) as listener:
        box: list[Running] = []
        ready = threading.Event()

        async def serve() -> None:
            service = Service(models, engine, limits)
            server = Server(service, Door(HOST, token, origins))
            box.append(Running(server, service, url_of(listener), asyncio.get_running_loop()))
            ready.set()
            await server.serve([listener])

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        assert ready.wait(10)
        try:
            yield box[0]
        finally:
            box[0].server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()

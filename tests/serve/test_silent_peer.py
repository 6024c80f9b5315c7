"""A peer that has gone without a word, or never takes anything, keeps no slot."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from serving import N_SLOTS, Running, running

from wavegen.playing import TrainedModel
from wavegen.scheduling.engine_thread import EngineThread
from wavegen.serve import running as running_module
from wavegen.serve.server_messages import Created, Queued

HANDSHAKE = (
    "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@contextmanager
def silent(server: Running, **start: object) -> Iterator[socket.socket]:
    """Somebody who says start, and from then on neither reads nor answers."""
    message = {"type": "start", "version": 1, "model": "toy", **start}
    payload = json.dumps(message).encode()
    assert len(payload) < 126
    masked = bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload  # by a mask of zeros
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port))) as peer:
        peer.sendall(HANDSHAKE.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += peer.recv(1)
        assert b" 101 " in answer
        peer.sendall(masked)
        yield peer


def test_who_never_reads_is_given_no_more_than_it_may_be_ahead(server: Running) -> None:
    scheduler = server.service.engine.schedulers["toy"]
    before = scheduler.n_steps_made
    with silent(server), server.started() as neighbour:
        neighbour.until(Created)
        for _ in range(5):  # the neighbour hears five seconds' worth
            so_far = sum(frame.steps for frame in neighbour.frames.get(0, []))
            neighbour.steps(so_far + 500)
            neighbour.say("ack", steps=so_far + 500)
        theirs = sum(frame.steps for frame in neighbour.frames[0])
        assert scheduler.n_steps_made - before - theirs <= 2 * 1000  # some may be on their way
    assert server.idle()


def test_who_answers_no_ping_has_gone(
    models: dict[str, TrainedModel], engine: EngineThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it had a slot or waited for one."""
    monkeypatch.setattr(running_module, "_PING_SECONDS", 0.2)
    with running(models, engine) as server:
        with server.started(voices=N_SLOTS) as talk, silent(server):
            talk.until(Created)
            with server.started() as last:
                position = last.until(Queued).position
                while position > 1:
                    position = last.until(Queued).position
        with silent(server):
            assert server.idle()

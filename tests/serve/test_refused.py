"""Every limit and every close code of the protocol, and that nothing else is disturbed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
from serving import Running, Talk, running
from websockets.exceptions import ConnectionClosed

from wavegen.playing import TrainedModel
from wavegen.scheduling.engine_thread import EngineThread
from wavegen.serve.limits import Limits
from wavegen.serve.server_messages import Created, Error, GoingAway, Queued, Saved, Stats

TIGHT = Limits(
    start_seconds=0.3,
    message_bytes=2_000,
    messages_per_second=10.0,
    seconds=5.0,
    voices=3,
    voices_per_address=6,
    queue=3,
    ahead_seconds=0.2,
    idle_seconds=0.5,
    kept_seconds=0.5,
)


@pytest.fixture(scope="module")
def tight(models: dict[str, TrainedModel], engine: EngineThread) -> Iterator[Running]:
    with running(models, engine, TIGHT) as found:
        yield found


def refused(talk: Talk) -> tuple[str, str, int]:
    """Code, message and close code of what ends a connection."""
    error = talk.until(Error)
    assert error.fatal
    assert "\n" not in error.message
    return error.code, error.message, talk.close_code()


START = {"type": "start", "version": 1, "model": "toy"}


@pytest.mark.parametrize(
    ("first", "code", "close", "told"),
    [
        ("\x00garbage", "protocol", 1002, "not JSON"),
        ("[]", "protocol", 1002, "the message"),
        ("[" * 1500, "protocol", 1002, "not JSON"),
        ('{"type": "dance"}', "protocol", 1002, "type is 'dance'"),
        ('{"type": "ack", "steps": 1}', "protocol", 1002, "the first message is ack"),
        (b"\x01\x00", "protocol", 1002, "binary"),
        ({**START, "version": 2}, "protocol", 1002, "version 1 is spoken"),
        ({**START, "volume": 11}, "protocol", 1002, "volume is unknown"),
        ({**START, "model": "nobody"}, "unknown", 1008, "there are toy, other"),
        ({**START, "controls": {"top_p": 2}}, "value", 1008, "top_p is 2"),
        ({**START, "label": "soprano"}, "value", 1008, "soprano"),
        ({**START, "plan": {"key": "G"}}, "value", 1008, "no plan"),
        ({**START, "encoding": "mp3"}, "format", 1008, "s16le, f32le"),
        ({**START, "seconds": 5.1}, "limit", 1008, "--limit.seconds"),
        ({**START, "voices": 4}, "limit", 1008, "3 at most"),
        ({**START, "prime": "nowhere"}, "unknown", 1008, "no prime has the id"),
        ({**START, "resume": "nowhere"}, "unknown", 1008, "no saved state has the id"),
    ],
)
def test_a_first_frame_that_is_none(
    tight: Running, first: Any, code: str, close: int, told: str
) -> None:
    with tight.talk() as talk:
        talk.socket.send(json.dumps(first) if isinstance(first, dict) else first)
        assert (found := refused(talk))[::2] == (code, close), found
        assert told in found[1]
    assert tight.idle()


def test_no_start_in_time(tight: Running) -> None:
    with tight.talk() as talk:
        assert refused(talk)[::2] == ("too_slow", 1008)


@pytest.mark.parametrize(
    ("message", "close"),
    [("no JSON", 1002), (json.dumps(START), 1002), (b"\x01", 1002), ('{"type": "ack"}', 1002)],
)
def test_garbage_after_the_start(tight: Running, message: Any, close: int) -> None:
    with tight.started() as talk, tight.started() as neighbour:
        talk.until(Created)
        talk.socket.send(message)
        assert refused(talk)[::2] == ("protocol", close)
        neighbour.steps(175)  # plays on, as far ahead as the server allows
    assert tight.idle()


def test_a_message_too_large(tight: Running) -> None:
    with tight.started() as talk:
        talk.until(Created)
        talk.say("mark", name="x" * 2_100)
        assert talk.close_code() == 1009
    assert tight.idle()


def test_a_message_much_too_large(tight: Running) -> None:
    """The server does not even read it, so the connection may break before its close code."""
    with tight.talk() as talk, tight.started() as neighbour:
        with suppress(ConnectionClosed):
            talk.socket.send("x" * 10_000_000)
        with pytest.raises(ConnectionClosed):
            talk.socket.recv(timeout=20)
        neighbour.steps(175)
    assert tight.idle()


def test_messages_too_many(tight: Running) -> None:
    with tight.started() as talk:
        with suppress(ConnectionClosed):  # it may be refused before all is said
            for _ in range(40):
                talk.say("stats")
        assert refused(talk)[::2] == ("too_many", 1008)


def test_more_was_heard_than_sent(tight: Running) -> None:
    with tight.started() as talk:
        talk.until(Created)
        talk.say("ack", steps=10**6)
        code, message, close = refused(talk)
        assert (code, close) == ("protocol", 1002)
        assert "1000000" in message


def test_who_hears_nothing_is_left(tight: Running) -> None:
    """It was given no more than it may be ahead, and its slot goes to others."""
    with tight.started(max_ahead_ms=60_000) as talk:
        assert talk.until(Created).max_ahead_ms == 200
        code, message, close = refused(talk)
        assert (code, close) == ("too_slow", 1008)
        assert "no ack" in message
        assert sum(frame.steps for frame in talk.frames[0]) <= 200
    assert tight.idle()


def test_a_pause_may_last_as_long_as_a_state(
    models: dict[str, TrainedModel], engine: EngineThread
) -> None:
    limits = Limits(idle_seconds=0.1, kept_seconds=1.5)
    with running(models, engine, limits) as server, server.started() as talk:
        talk.until(Created)
        talk.say("pause")
        code, message, _ = refused(talk)
        assert (code, "paused for 1.5 s" in message) == ("too_slow", True)


def test_voices_of_one_address(tight: Running) -> None:
    with tight.started(voices=3) as first, ExitStack() as stack:
        for voice in range(3):
            first.steps(1, voice)  # none of these waits any longer
        second = stack.enter_context(tight.started(voices=3))
        second.until((Created, Queued))
        with tight.started() as third:
            code, message, close = refused(third)
            assert (code, close) == ("too_many", 1008)
            assert "6 voices are taken by this address" in message
    assert tight.idle()


def test_the_queue_is_full(models: dict[str, TrainedModel], engine: EngineThread) -> None:
    with running(models, engine, Limits(queue=2, idle_seconds=20)) as server:
        with ExitStack() as stack:
            for _ in range(2):
                talk = stack.enter_context(server.started(voices=2))
                for voice in range(2):
                    talk.steps(1, voice)  # it waits no longer
            with server.started(voices=2) as three:
                assert three.until(Queued).position == 1
                with server.started() as four:
                    assert refused(four)[::2] == ("full", 1013)
                asked = {"model": "toy", "steps": 10}
                answer = httpx.post(f"{server.url}/v1/generate", json=asked)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert server.idle()
        assert server.in_loop(lambda: server.service.admission.n_waiting) == 0


def saved(server: Running, model: str = "toy") -> str:
    with server.started(model=model) as talk:
        talk.until(Created)
        talk.steps(1)
        talk.say("save")
        return talk.until(Saved).id


def test_an_id_that_has_expired(tight: Running) -> None:
    id = saved(tight)
    with tight.started() as talk:  # whose own time runs out in the meantime
        talk.close_code()
    with tight.started(resume=id) as talk:
        assert refused(talk)[::2] == ("expired", 1008)


def test_the_state_of_another_model(server: Running) -> None:
    id = saved(server, "other")
    with server.started(resume=id) as talk:
        code, message, close = refused(talk)
        assert (code, close) == ("value", 1008)
        assert "was sent for the model 'other'" in message
    with server.started(model="other") as talk:
        talk.steps(1)
        talk.say("save")
        state = talk.until(Saved)
    content = server.in_loop(lambda: server.service.store.states.get(state.id, model="other"))
    for body, told in ((content, "by another model"), (content[:-9], "not a readable session")):
        query = {"kind": "state", "model": "toy"}
        id = httpx.post(f"{server.url}/v1/uploads", params=query, content=body).json()["id"]
        with server.started(resume=id) as talk:
            code, message, close = refused(talk)
            assert (code, close) == ("value", 1008)
            assert told in message
    assert server.idle()


def test_a_fault_says_nothing_of_the_inside(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("wavegen.serve.session.openings", broken)
    with server.started() as talk:
        code, message, close = refused(talk)
    assert (code, close) == ("fault", 1011)
    assert "secret" not in message
    assert "a secret" in caplog.text
    monkeypatch.undo()
    monkeypatch.setattr("wavegen.serve.ensemble.Ensemble.mark", broken)
    with server.started() as talk:
        talk.until(Created)
        talk.say("mark", name="x")
        assert refused(talk)[::2] == ("fault", 1011)
    assert server.idle()


def test_the_end_of_the_server(models: dict[str, TrainedModel], engine: EngineThread) -> None:
    with running(models, engine, Limits(grace_seconds=2.0)) as server:
        with server.started(voices=2) as talk, server.started(seconds=1.5) as short:
            talk.until(Created)
            talk.steps(20)
            talk.say("ack", steps=10, voice=0)
            talk.say("stats")
            while talk.until(Stats).voices[0].heard < 10:
                pass
            short.until(Created)
            server.in_loop(server.server.drain)
            assert httpx.get(f"{server.url}/readyz").status_code == 503
            assert httpx.get(f"{server.url}/healthz").status_code == 200
            with server.talk() as late:
                assert refused(late)[::2] == ("going_away", 1001)
            ids = [talk.until(Saved) for _ in range(2)]
            assert [(state.voice, state.step) for state in ids] == [(0, 10), (1, 0)]
            assert talk.until(GoingAway).grace_s == 2.0
            short.until(GoingAway)
            short.steps(870)
            short.say("ack", steps=870)  # it can be heard to its end
            assert short.close_code() == 1000
            assert talk.close_code() == 1001
        assert server.idle()


def test_a_listener_that_takes_nothing(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that cannot be written for some time ends the connection."""

    async def full(*_: object) -> None:
        await asyncio.Event().wait()

    limits = replace(server.service.limits, send_seconds=0.1)
    monkeypatch.setattr(server.service, "limits", limits)
    with server.talk() as talk:
        monkeypatch.setattr("starlette.websockets.WebSocket.send_bytes", full)
        talk.start()
        code, message, close = refused(talk)
    assert (code, close) == ("too_slow", 1008)
    assert "nothing was taken for 0.1 s" in message
    assert server.idle()

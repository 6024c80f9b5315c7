"""The client in Python: pieces in order, credits as they are taken, one line where it ends."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in import RATE_HZ, STATE, Counter, StandIn, samples, standing_in

import wavegen
from wavegen import Controls
from wavegen.client.pieces import pieces_of
from wavegen.errors import ConfigError, DataError, ServerError
from wavegen.serve.frames import Frame, Kind
from wavegen.serve.server_messages import Created, Error, GoingAway, Saved


def about(kind: str, encoding: str, rate_hz: float = RATE_HZ) -> Created:
    return Created.model_validate(
        {
            "id": "x", "model": "m", "kind": kind, "rate_hz": rate_hz, "encoding": encoding,
            "seeds": [0], "first": 0, "max_ahead_ms": 1000, "xrt": 1.0, "wait_seconds": 0.0,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def counting() -> Iterator[StandIn]:
    with standing_in() as server:
        yield server


@settings(max_examples=40)
@given(st.integers(1, 900), st.integers(30, 3000))
def test_pieces_end_to_end_are_the_sequence(counting: StandIn, steps: int, ahead: int) -> None:
    with wavegen.connect(counting.url) as connection:
        stream = connection.stream("tabla", steps=steps, max_ahead_ms=ahead)
        heard = np.concatenate(list(stream))
        assert stream.is_over
        assert stream.position == steps
    np.testing.assert_array_equal(heard * 32_768, samples(0, steps))
    assert heard.dtype == np.float32
    assert counting.counters[-1].most_ahead < ahead + 20


def test_what_was_asked_for_is_sent() -> None:
    with standing_in() as server, wavegen.connect(server.url) as connection:
        stream = connection.stream(
            "tabla", seed=7, seconds=2, controls=Controls(top_k=3), label="x", plan={"key": "g"}
        )
        assert stream.about.seeds == [7]
        assert stream.places == [2, 1]
    start = server.counters[0].start
    assert (start.model, start.seed, start.seconds, start.label) == ("tabla", 7, 2, "x")
    assert start.plan == {"key": "g"}
    assert start.controls.over(Controls()) == Controls(top_k=3)
    assert start.max_ahead_ms == 1000


def test_only_what_was_taken_is_heard() -> None:
    with standing_in() as server, wavegen.connect(server.url) as connection:
        stream = connection.stream("tabla", max_ahead_ms=100)
        taken = [next(stream) for _ in range(10)]
        assert stream.position == sum(map(len, taken)) == 200
        stream.pause()  # so all acks before have arrived
        counter = server.counters[0]
        assert counter.heard == 200
        assert len(counter.acks) <= 8  # not one for each piece
        assert 0 < counter.most_ahead <= 120


def test_controls_of_a_stream_while_it_plays() -> None:
    with standing_in() as server, wavegen.connect(server.url) as connection:
        stream = connection.stream("tabla", max_ahead_ms=100)
        next(stream)
        assert stream.update(temperature=1.1) >= 20
        assert stream.mark("here") == 20
        assert next(stream)[0] * 32_768 == 20
        assert stream.save() == stream.ticket == STATE % 40
        stopped = stream.pause()
        assert stream.go_on() == stopped
        assert stream.rewind("here") == stream.position == 20
        assert next(stream)[0] * 32_768 == 20
        with pytest.raises(ServerError, match="there is no mark 'there'; set it first") as caught:
            stream.rewind("there")
        assert caught.value.code == "unknown"
        assert next(stream)[0] * 32_768 == 40  # nothing else was disturbed
        for wrong in (lambda: stream.update(top_p=0), lambda: stream.mark("")):
            with pytest.raises(ConfigError, match=r"top_p is 0|mark\.name is ''"):
                wrong()
        assert next(stream)[0] * 32_768 == 60


def test_closing_hangs_up() -> None:
    with standing_in() as server:
        with wavegen.connect(server.url) as connection:
            stream = connection.stream("tabla")
            next(stream)
        assert server.gone.wait(5)
        assert stream.is_over
        assert list(stream) == []
        with pytest.raises(ConfigError, match="the stream is over; start another"):
            stream.pause()


def refuses(counter: Counter) -> None:
    counter.say(Error(code="unknown", message="no model 'x'; there are a and b"))


def goes_away(counter: Counter) -> None:
    counter.say(about("samples", "s16le"))
    counter.socket.send(Frame(Kind.STATE, 0, 0, 5, b"state").pack())
    counter.say(Saved(voice=0, id="x", step=5, expires_s=1.0))
    counter.say(GoingAway(grace_s=1.0))


def vanishes(counter: Counter) -> None:
    counter.say(about("samples", "s16le"))
    counter.socket.close(1011, "a fault\nof the server")


def babbles(counter: Counter) -> None:
    counter.socket.send('{"type": "hello"}')


def sends_garbage(counter: Counter) -> None:
    counter.say(about("samples", "s16le"))
    counter.socket.send(b"\0" * 20)


def sends_half_a_piece(counter: Counter) -> None:
    counter.say(about("samples", "s16le"))
    counter.socket.send(Frame(Kind.SAMPLES, 0, 2, 0, b"12345678").pack())


def sends_half_a_line(counter: Counter) -> None:
    counter.say(about("notes", "json"))
    counter.socket.send(Frame(Kind.LINES, 0, 1, 0, b'{"on": \n').pack())


@pytest.mark.parametrize(
    ("play", "message", "code"),
    [
        (refuses, "no model 'x'; there are a and b", "unknown"),
        (goes_away, "the server ends", "going_away"),
        (vanishes, "hung up .*1011.*a fault of the server", "closed"),
        (babbles, "does not keep to the protocol .*type is 'hello'", "protocol"),
        (sends_garbage, "the frame's kind is 0", "protocol"),
        (sends_half_a_piece, "a frame of 2 steps holds 4 samples", "protocol"),
        (sends_half_a_line, "a piece that cannot be read", "protocol"),
    ],
)
def test_each_end_has_its_line(play: object, message: str, code: str) -> None:
    with standing_in(play) as server, wavegen.connect(server.url) as connection:  # pyright: ignore
        with pytest.raises(ServerError, match=message) as caught:
            list(connection.stream("tabla"))
        assert caught.value.code == code
        assert "\n" not in str(caught.value)


def test_a_server_that_goes_away_leaves_a_ticket() -> None:
    with standing_in(goes_away) as server, wavegen.connect(server.url) as connection:
        stream = connection.stream("tabla")
        with pytest.raises(ServerError):
            next(stream)
        assert stream.ticket == b"state"
        assert stream.is_over


def test_frames_become_what_they_are() -> None:
    floats = Frame(Kind.SAMPLES, 0, 2, 0, struct.pack("<ff", 0.1, -1))
    (piece,) = pieces_of(about("samples", "f32le"))(floats)
    assert piece.tolist() == [np.float32(0.1), -1]
    notes = Frame(Kind.LINES, 0, 2, 0, b'{"on": {"bass": 48}}\n{"on": {}}\n')
    assert pieces_of(about("notes", "json"))(notes) == [{"on": {"bass": 48}}, {"on": {}}]
    assert pieces_of(about("bytes", "bytes"))(Frame(Kind.BYTES, 0, 1, 0, b"x")) == [b"x"]


def test_each_line_of_a_frame_counts_for_its_steps() -> None:
    """Steps of a flat chorale are four to a line."""

    def play(counter: Counter) -> None:
        counter.say(about("notes", "json"))
        counter.socket.send(Frame(Kind.LINES, 0, 12, 8, b"{}\n{}\n{}\n").pack())
        counter.socket.recv()

    with standing_in(play) as server, wavegen.connect(server.url) as connection:
        stream = connection.stream("bach")
        assert [(next(stream), stream.position)[1] for _ in range(3)] == [12, 16, 20]


@contextmanager
def http(answers: dict[str, tuple[int, bytes]]) -> Iterator[tuple[str, list[tuple]]]:
    """A web server with these answers by path, and what it was asked."""
    asked: list[tuple] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.path, self.headers.get("Authorization"), body))
            status, content = answers[self.path.partition("?")[0]]
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 the name that the library asks for

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_models_files_and_the_token(tmp_path: Path) -> None:
    answers = {
        "/v1/models": (200, b'{"object": "list", "data": [{"id": "bach"}]}'),
        "/v1/uploads": (200, b'{"id": "abc", "seconds": 1, "expires_s": 600}'),
        "/v1/generate": (200, b"RIFF"),
    }
    prime = tmp_path / "x.wav"
    prime.write_bytes(b"sound")
    with http(answers) as (url, asked), wavegen.connect(url, token="secret") as server:
        assert server.models() == [{"id": "bach"}]
        assert server.generate("bach", response_format="wav", seconds=2, prime=prime) == b"RIFF"
    assert [path for path, _, _ in asked] == [
        "/v1/models",
        "/v1/uploads?kind=prime&model=bach&suffix=.wav",
        "/v1/generate",
    ]
    assert {token for _, token, _ in asked} == {"Bearer secret"}
    assert asked[1][2] == b"sound"
    sent = {"model": "bach", "response_format": "wav", "seconds": 2, "prime": "abc"}
    assert json.loads(asked[2][2]) == sent


REFUSAL = b'{"error": {"message": "no such model", "type": "not_found_error", "code": "unknown"}}'


@pytest.mark.parametrize(
    ("status", "body", "message", "code"),
    [
        (404, REFUSAL, "no such model", "unknown"),
        (502, b"<html>", "the server answers 502", "http_502"),
        (500, b'{"error": []}', "the server answers 500", "http_500"),
        (200, b"<html>", "is no server of wavegen", "protocol"),
    ],
)
def test_a_refusal_over_http_is_one_line(status: int, body: bytes, message: str, code: str) -> None:
    with http({"/v1/models": (status, body)}) as (url, _):
        with pytest.raises(ServerError, match=message) as caught:
            wavegen.connect(url).models()
        assert caught.value.code == code


def test_a_refused_handshake_is_one_line() -> None:
    with (
        http({"/v1/stream": (404, REFUSAL)}) as (url, _),
        pytest.raises(ServerError, match="no such model"),
    ):
        wavegen.connect(url).stream("x")


def test_nobody_there() -> None:
    server = wavegen.connect("ws://127.0.0.1:1")
    for ask in (server.models, lambda: server.stream("x")):
        with pytest.raises(ServerError, match=r"no server answers there .* wavegen serve RUN"):
            ask()


@pytest.mark.parametrize("url", ["", "x", "ws://", "ftp://a", "ws://a:b", "ws://a:0", "ws://["])
def test_an_address_is_an_address(url: str) -> None:
    with pytest.raises(ConfigError, match=r"it must be like ws://127\.0\.0\.1:8000"):
        wavegen.connect(url)


def test_wrong_wishes_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    server = wavegen.connect("ws://127.0.0.1:1")
    for wrong in ({"seconds": -1}, {"seconds": 1, "steps": 2}, {"prime_seconds": 1}):
        for ask in (server.stream, server.generate):
            with pytest.raises(ConfigError, match=r"seconds is -1|not both|there is no prime"):
                ask("x", **wrong)
    with pytest.raises(DataError, match="cannot be read"):
        server.stream("x", prime=tmp_path / "none.wav")


def test_it_needs_no_torch() -> None:
    code = (
        "import sys, wavegen\n"
        "wavegen.connect('ws://127.0.0.1:1')\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'fastapi', 'uvicorn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_websockets_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "websockets.sync.client", None)
    with pytest.raises(ConfigError, match=r"pip install 'wavegen\[serve\]'"):
        wavegen.connect("ws://127.0.0.1:1").stream("x")

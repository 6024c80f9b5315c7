"""What plain HTTP gives: lists, files, streams, figures, and one line of JSON where it refuses."""

from __future__ import annotations

import base64
import io
import json
import re
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from prometheus_client.parser import text_string_to_metric_families
from serving import N_SLOTS, RATE_HZ, Running, running

from wavegen.playing import TrainedModel
from wavegen.plugins import plugins
from wavegen.scheduling.engine_thread import EngineThread
from wavegen.serve.limits import Limits

Models = dict[str, TrainedModel]


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=20) as found:
        yield found


def figures(client: httpx.Client) -> dict[str, float]:
    """Every sample of /metrics, by name and labels."""
    text = client.get("/metrics").text
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_models_are_described(client: httpx.Client) -> None:
    answer = client.get("/v1/models").json()
    assert [model["id"] for model in answer["data"]] == ["toy", "other"]
    toy = answer["data"][0]
    assert (toy["kind"], toy["rate_hz"], toy["slots"]) == ("samples", RATE_HZ, N_SLOTS)
    assert (toy["encodings"], toy["plan"], toy["labels"]) == (["s16le", "f32le"], [], [])
    temperature = toy["controls"][0]
    assert (temperature["name"], temperature["type"]) == ("temperature", "number")
    assert (temperature["default"], bool(temperature["help"])) == (1.0, True)
    assert toy["xrt"] > 0


def test_only_controls_that_apply_are_offered(
    client: httpx.Client, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names() -> list[str]:
        return [row["name"] for row in client.get("/v1/models").json()["data"][0]["controls"]]

    assert names() == ["temperature", "top_k", "top_p", "min_p", "typical_p"]
    monkeypatch.setattr(type(models["toy"].head), "draws_classes", False)
    assert names() == ["temperature"]


def test_plans_are_described() -> None:
    from wavegen.serve.served import _fields

    plan = plugins().domain("chorales").spec.plan
    assert plan is not None
    rows = {row["name"]: row for row in _fields(plan)}
    assert rows["key"]["type"] == "string"
    assert rows["beats"]["type"] == "integer"


def test_plugins_and_health(client: httpx.Client, tmp_path: Path) -> None:
    file = tmp_path / "loud.py"
    file.touch()
    plugins().add_file(file)
    answer = client.get("/v1/plugins")
    targets = {row["name"]: row["target"] for row in answer.json()["plugins"]}
    assert (targets["audio"], targets["loud"]) == ("wavegen_audio", "loud.py")
    assert str(tmp_path) not in answer.text
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


@pytest.mark.parametrize(("suffix", "kind"), [("wav", "audio/wav"), ("flac", "audio/flac")])
def test_a_whole_file_is_what_the_model_draws(
    client: httpx.Client, models: Models, suffix: str, kind: str
) -> None:
    asked = {"model": "toy", "seconds": 0.3, "seed": 5, "response_format": suffix}
    answer = client.post("/v1/generate", json=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["x-wavegen-seed"] == "5"
    assert answer.headers["x-wavegen-model"] == "toy"
    assert float(answer.headers["x-wavegen-rtf"]) > 0
    samples, rate = soundfile.read(io.BytesIO(answer.content), dtype="int16")
    (expected,) = models["toy"].generate(seconds=0.3, seed=5)
    packed = models["toy"].domain.stream_format().pack(expected)
    np.testing.assert_array_equal(samples, np.frombuffer(packed, "<i2"))
    assert rate == RATE_HZ


def test_no_file_is_left_behind(client: httpx.Client) -> None:
    before = set(Path(tempfile.gettempdir()).glob("wavegen-*"))
    assert client.post("/v1/generate", json={"model": "toy", "steps": 20}).status_code == 200
    assert set(Path(tempfile.gettempdir()).glob("wavegen-*")) <= before


def streamed(client: httpx.Client, **asked: Any) -> httpx.Response:
    body = {"model": "toy", "steps": 250, "seed": 5, **asked}
    return client.post("/v1/generate/stream", json=body)


def test_an_endless_wav(client: httpx.Client, models: Models) -> None:
    answer = streamed(client)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    assert answer.headers["x-wavegen-seed"] == "5"
    form = models["toy"].domain.stream_format()
    (expected,) = models["toy"].generate(steps=250, seed=5)
    assert answer.content == form.header + form.pack(expected)


def test_events(client: httpx.Client, models: Models) -> None:
    answer = streamed(client, stream_format="sse")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1] == {"type": "speech.audio.done"}
    content = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    (expected,) = models["toy"].generate(steps=250, seed=5)
    assert content == models["toy"].domain.stream_format().pack(expected)


def test_a_stream_keeps_to_the_clock(server: Running, client: httpx.Client) -> None:
    """It is made a second ahead of the time that has gone by; its client leaving frees the slot."""
    asked = {"model": "toy", "seed": 5}
    with client.stream("POST", "/v1/generate/stream", json=asked) as answer:
        pieces = answer.iter_raw()
        n_bytes = 0
        while n_bytes < 2 * 1200:  # more than is made at once
            n_bytes += len(next(pieces))
        assert n_bytes < 2 * 2 * RATE_HZ
        assert figures(client)["wavegen_voices_playing toy"] == 1
    assert server.idle()


def test_who_leaves_frees_the_slot_of_a_file(server: Running, client: httpx.Client) -> None:
    asked = {"model": "toy", "seconds": 600}
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/generate", json=asked, timeout=0.2)
    assert server.idle()


GENERATE = ("POST", "/v1/generate")
STREAM = ("POST", "/v1/generate/stream")


@pytest.mark.parametrize(
    ("route", "content", "status", "code", "told"),
    [
        (GENERATE, b"{", 400, "protocol", "not JSON"),
        (GENERATE, b'{"model": "toy", "path": "x"}', 400, "protocol", "path is unknown"),
        (GENERATE, b'{"model": "nobody"}', 404, "unknown", "there are toy, other"),
        (GENERATE, b'{"model": "toy", "resume": "x"}', 404, "unknown", "no saved state"),
        (GENERATE, b'{"model": "toy", "seconds": -1}', 422, "value", "seconds is -1"),
        (GENERATE, b'{"model": "toy", "seconds": 1e6}', 422, "limit", "600 s at most"),
        (GENERATE, b'{"model": "toy", "label": "x"}', 422, "value", "x"),
        (GENERATE, b'{"model": "toy", "response_format": "exe"}', 415, "format", "none of .wav"),
        (GENERATE, b'{"model": "toy", "response_format": "/../x"}', 415, "format", "none of"),
        (STREAM, b'{"model": "toy", "response_format": "flac"}', 415, "format", "be streamed"),
        (STREAM, b'{"model": "toy", "label": "x"}', 422, "value", "x"),
        (STREAM, b'{"model": "toy", "prime": "x"}', 404, "unknown", "no prime"),
        (("POST", "/v1/uploads"), b"x", 422, "value", "query.kind"),
        (("POST", "/v1/uploads?kind=x&model=toy"), b"x", 422, "value", "prime or state"),
        (("POST", "/v1/uploads?kind=state&model=x"), b"x", 404, "unknown", "no model"),
        (("POST", "/v1/uploads?kind=state&model=toy"), b"", 422, "value", "is empty"),
        (("POST", "/v1/uploads?kind=prime&model=toy&suffix=/x"), b"x", 415, "format", "none of"),
        (("POST", "/v1/uploads?kind=prime&model=toy"), b"noise", 422, "value", "read"),
        (("GET", "/v1/generate"), b"", 405, "method", "Method Not Allowed"),
        (("GET", "/../../etc/passwd"), b"", 404, "unknown", "Not Found"),
    ],
)
def test_refusals_are_one_line_of_json(
    server: Running,
    client: httpx.Client,
    route: tuple[str, str],
    content: bytes,
    status: int,
    code: str,
    told: str,
) -> None:
    answer = client.request(*route, content=content)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), error
    assert told in error["message"]
    assert "\n" not in error["message"]
    assert "Traceback" not in answer.text
    assert error["type"].endswith("_error")
    assert server.idle()


def test_a_fault_is_logged_and_not_told(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("wavegen.serve.served.Served.described", broken)
    answer = client.get("/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "fault")
    assert "secret" not in answer.text
    id = re.search(r"request (\w{16})", answer.text)
    assert id is not None
    assert id[1] in caplog.text
    assert "a secret" in caplog.text


def test_bodies_have_an_end(models: Models, engine: EngineThread) -> None:
    with running(models, engine, Limits(body_bytes=1000)) as server:
        url = f"{server.url}/v1/uploads?kind=state&model=toy"
        assert httpx.post(url, content=b"x" * 1000).status_code == 200
        for content in (b"x" * 1001, iter([b"x" * 600, b"x" * 600])):  # with and without a length
            answer = httpx.post(url, content=content)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_uploads_have_an_end(models: Models, engine: EngineThread) -> None:
    """A quarter of half of the memory is for one address."""
    with running(models, engine, Limits(kept_bytes=8000)) as server:
        url = f"{server.url}/v1/uploads?kind=state&model=toy"
        assert httpx.post(url, content=b"x" * 1000).status_code == 200
        answer = httpx.post(url, content=b"x" * 1001)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "value")


def test_uploads_go_when_their_time_is_over(
    models: Models, engine: EngineThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nobody asks for anything any more."""
    monkeypatch.setattr("wavegen.serve.running._SWEEP_SECONDS", 0)
    with running(models, engine, Limits(kept_seconds=0.1)) as server:
        url = f"{server.url}/v1/uploads?kind=state&model=toy"
        assert httpx.post(url, content=b"x" * 1000).status_code == 200
        for _ in range(50):
            if server.in_loop(lambda: len(server.service.store.states)) == 0:
                break
            threading.Event().wait(0.1)
        else:
            pytest.fail("it is still there")


def test_a_long_prime_is_cut(models: Models, engine: EngineThread) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(2 * RATE_HZ), RATE_HZ, format="FLAC")
    with running(models, engine, Limits(prime_seconds=1.5)) as server:
        url = f"{server.url}/v1/uploads?kind=prime&model=toy&suffix=.flac"
        assert httpx.post(url, content=file.getvalue(), timeout=60).json()["seconds"] == 1.5


def test_figures_count(server: Running, client: httpx.Client) -> None:
    before = figures(client)
    client.post("/v1/generate", json={"model": "nobody"})
    with server.started(steps=100) as talk:
        talk.close_code()
    assert server.idle()
    after = figures(client)
    assert after["wavegen_refused_total unknown"] == before["wavegen_refused_total unknown"] + 1
    assert after["wavegen_steps_total toy"] == before["wavegen_steps_total toy"] + 100
    assert after["wavegen_ticks_total toy"] > before["wavegen_ticks_total toy"]
    assert after["wavegen_slots toy"] == N_SLOTS
    assert after["wavegen_xrt toy"] > 0
    assert after["wavegen_listeners"] == after["wavegen_voices_queued toy"] == 0
    name = "wavegen_first_piece_seconds_count"
    assert after[name] == before[name] + 1

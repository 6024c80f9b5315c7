"""The door: no route without the token, no page of strangers, no name that points here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from serving import HOST, Running, running
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import InvalidStatus

from wavegen.playing import TrainedModel
from wavegen.scheduling.engine_thread import EngineThread
from wavegen.serve.app import application, routes
from wavegen.serve.guard import COOKIE, Door, address_with
from wavegen.serve.limits import Limits
from wavegen.serve.page import HEADERS, PageFile, files
from wavegen.serve.refusals import RefusedError
from wavegen.serve.server_messages import Created, Error
from wavegen.serve.service import Service

TOKEN = "open sesame ü"
PAGE = {
    "/": PageFile(b"<!doctype html>", "text/html"),
    "/main.js": PageFile(b"1", "text/javascript"),
}
ORIGINS = ("https://music.example",)


@pytest.fixture(scope="module")
def locked(models: dict[str, TrainedModel], engine: EngineThread) -> Iterator[Running]:
    with running(models, engine, token=TOKEN, origins=ORIGINS) as found:
        yield found


@pytest.fixture
def service(models: dict[str, TrainedModel], engine: EngineThread) -> Service:
    return Service(models, engine, Limits())


def asked(
    service: Service, door: Door, method: str, path: str, headers: dict[str, str]
) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application(service, door, PAGE))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


def test_every_route_wants_the_token(service: Service) -> None:
    door = Door(HOST, TOKEN)
    seen: set[str] = set()
    for route in routes(service, door, PAGE).routes:
        if isinstance(route, WebSocketRoute):
            continue
        assert isinstance(route, Route | APIRoute)
        for method in route.methods or ():
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"{COOKIE}=wrong"}):
                answer = asked(service, door, method, route.path, headers)
                assert answer.status_code == 401, route.path
                assert answer.headers["www-authenticate"] == "Bearer"
            right = {b"Authorization": b"Bearer " + TOKEN.encode("latin-1")}
            assert asked(service, door, method, route.path, right).status_code != 401  # pyright: ignore
            seen.add(route.path)
    assert seen >= {"/", "/main.js", "/openapi.json", "/healthz", "/readyz", "/metrics"}
    assert seen >= {"/v1/models", "/v1/plugins", "/v1/uploads", "/v1/generate"}
    assert asked(service, door, "GET", "/nowhere", {}).status_code == 401


def test_a_browser_keeps_the_token(locked: Running) -> None:
    address = address_with(locked.url, TOKEN)
    with httpx.Client() as client:
        assert client.get(locked.url).status_code == 401
        assert client.get(f"{locked.url}/?token=wrong").status_code == 401
        answer = client.get(address)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert client.get(f"{locked.url}/v1/models").status_code == 200
        assert client.get(f"{locked.url}/v1/models?token=x").status_code == 200


def test_a_stream_wants_the_token(locked: Running) -> None:
    with locked.talk() as talk:
        talk.start(token=TOKEN)
        talk.until(Created)
    for token in ("wrong", None):
        with locked.talk() as talk:
            talk.start(token=token)
            assert talk.until(Error).code == "token"
            assert talk.close_code() == 1008
    wrong = {"Authorization": "Bearer wrong"}
    with pytest.raises(InvalidStatus) as caught, locked.talk(additional_headers=wrong):
        pass
    assert caught.value.response.status_code == 401
    assert locked.idle()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_others_stay_outside(server: Running, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught, server.talk(origin=origin):
        pass
    assert caught.value.response.status_code == 403
    answer = httpx.get(f"{server.url}/v1/models", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin")


def test_its_own_page_may_come_in(server: Running) -> None:
    with server.talk(origin=server.url) as talk:
        talk.start(steps=10)
        assert talk.close_code() == 1000


def test_a_page_that_was_named_may_read(locked: Running) -> None:
    origin = {"Origin": ORIGINS[0], "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{locked.url}/v1/generate", headers=origin)
    assert answer.headers["access-control-allow-origin"] == ORIGINS[0]
    origin["Origin"] = "https://evil.example"
    answer = httpx.options(f"{locked.url}/v1/generate", headers=origin)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8000", "", "[::1", "127.0.0.1@evil.example"]
)
def test_a_name_that_was_made_to_point_here(server: Running, host: str) -> None:
    answer = httpx.get(f"{server.url}/v1/models", headers={"Host": host})
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize(
    "host", ["localhost:8000", "10.0.0.7:8000", "[::1]:8000", "music.example", "lan-name:80"]
)
def test_names_that_are_its_own(host: str) -> None:
    Door("lan-name", origins=ORIGINS).check({"host": host, "origin": f"http://{host}"})
    Door("lan-name", origins=ORIGINS).check({"host": host, "origin": ORIGINS[0]})


@given(st.text(), st.text(min_size=1), st.sampled_from(["Bearer ", "bearer  ", "Basic ", ""]))
def test_only_the_token_is_the_token(given_: str, token: str, kind: str) -> None:
    door = Door(HOST, token)
    admitted = door.admits({"authorization": kind + given_})
    is_right = kind.strip().lower() == "bearer" and given_.strip() == token
    assert bool(admitted) == is_right


@given(st.dictionaries(st.sampled_from(["host", "origin", "authorization", "cookie"]), st.text()))
def test_headers_may_hold_anything(headers: dict[str, str]) -> None:
    door = Door(HOST, "token")
    door.admits(headers)
    with suppress(RefusedError):
        door.check(headers)


def test_the_page_asks_nobody_else(service: Service) -> None:
    found = files()
    assert "/" in found
    assert found["/"].media_type == "text/html"
    assert all(not place.endswith("index.html") for place in found)
    answer = asked(service, Door(HOST), "GET", "/", {})
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    assert answer.headers["content-type"].startswith("text/html")

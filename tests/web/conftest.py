"""A browser, a server that it talks to, and pages that may complain of nothing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fake_server import Playing, application
from listening import TAP
from opening_pages import opened, until
from starlette.applications import Starlette

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium as the system has it; nothing is downloaded.

    Playwright keeps an event loop running in this thread, where other files' tests run their own.
    """
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install -c constraints.txt playwright"
    )
    if CHROMIUM is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--autoplay-policy=no-user-gesture-required", "--no-sandbox"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Starlette, str]]:
    """A server that needs no model, and its address."""
    app = application()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield app, f"http://127.0.0.1:{port}/"
    server.should_exit = server.force_exit = True
    thread.join(5)


@pytest.fixture
def playing(served: tuple[Starlette, str]) -> Playing:
    """What the server knows of this test."""
    app, _ = served
    app.state.playing = Playing()
    return app.state.playing


@pytest.fixture
def url(served: tuple[Starlette, str], playing: Playing) -> str:
    """Where the page is."""
    return served[1]


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A window of the usual size."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(TAP)
    yield context
    context.close()


@pytest.fixture
def page(context: Any, url: str) -> Iterator[Any]:
    """The page; afterwards: it had no errors, and asked nobody but its own server."""
    yield from opened(context, url)


@pytest.fixture(scope="module")
def still_page(browser: Any, served: tuple[Starlette, str]) -> Iterator[Any]:
    """The page, for all tests of a file that play nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield from opened(context, served[1])
    context.close()

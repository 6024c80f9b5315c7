"""Pages that may complain of nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any


def opened(context: Any, url: str) -> Iterator[Any]:
    """The page at that address, once it knows the models."""
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []

    def own(address: str) -> bool:
        return address.startswith((url, f"blob:{url}"))

    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: complaints.append(m.text) if m.type != "log" else None)
    page.on("request", lambda r: complaints.append(r.url) if not own(r.url) else None)
    page.goto(url)
    page.wait_for_selector("#model:enabled")
    page.complaints = complaints
    yield page
    assert complaints == []


def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)

"""Tasks of which the first to end ends the others: a listener that leaves, one that is sent to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.types import Receive


async def first_of(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all until the first one ends, and end as that does."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def until_left(receive: Receive) -> None:
    """Wait for the end of an HTTP connection, whose request has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass

"""What `wavegen bench serve` does to a server, and what it measures. Seconds, unless named."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..serve.asked import VERSION
from .address import Address
from .ear import Enough, Heard, listen

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_AT_ONCE = 32
"""Listeners that come and go at the same time."""
_SETTLED_SECONDS = 10.0
_STALLED_SECONDS = 3.0


@dataclass(frozen=True)
class Bench:
    """One model of one server, which should have no other listeners meanwhile."""

    address: Address
    model: str
    rate_hz: float

    async def crowd(self, n: int, seconds: float, ramp: float) -> dict[str, Any]:
        """n listeners, who come within `ramp` and each hear so long."""
        before, begun = await self._metrics(), time.perf_counter()

        async def one(i: int) -> Heard:
            await asyncio.sleep(ramp * i / n)
            since = time.perf_counter()
            return await self._listen(lambda _: time.perf_counter() - since > seconds)

        heard = await asyncio.gather(*(one(i) for i in range(n)))
        passed = time.perf_counter() - begun
        made = (await self._metrics())["steps"] - before["steps"]
        good = [h for h in heard if h.refused is None]
        return {
            "listeners": n,
            "seconds": seconds,
            "refused": n - len(good),
            **_spread("first_piece_ms", [h.first_piece for h in good]),
            **_spread("first_sound_ms", [h.first_sound for h in good]),
            "without_sound": sum(h.first_sound is None for h in good),
            "underruns": sum(h.underruns for h in good),
            **_spread("ahead_ms", [a for h in good for a in h.ahead]),
            "xrt_least": min((h.xrt for h in good if h.xrt is not None), default=None),
            "steps_per_s": made / passed,
        }

    async def churn(self, n: int) -> dict[str, Any]:
        """n listeners come, hear one piece and say goodbye, some at a time."""
        begun = time.perf_counter()
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one() -> Heard:
            async with turn:
                return await self._listen(_has_a_piece)

        heard = await asyncio.gather(*(one() for _ in range(n)))
        passed = time.perf_counter() - begun
        return {
            "connects": n,
            "refused": sum(h.refused is not None for h in heard),
            "connects_per_s": n / passed,
            **_spread("first_piece_ms", [h.first_piece for h in heard]),
            **await self._left(),
        }

    async def kills(self, n: int) -> dict[str, Any]:
        """n listeners, one after the other, whose connection is cut without a word."""
        freed: list[float | None] = []
        for _ in range(n):
            await self._listen(_has_a_piece, _cut)
            cut = time.perf_counter()
            left = await self._left()
            freed.append(time.perf_counter() - cut if not left["playing_left"] else None)
        never = sum(seconds is None for seconds in freed)
        return {
            "kills": n,
            **_spread("freed_ms", freed),
            "never_freed": never,
            **await self._left(),
        }

    async def stalled(self, n: int) -> dict[str, Any]:
        """n listeners who never read: how far does the server run ahead of them?"""
        from websockets.asyncio.client import connect

        before = (await self._metrics())["steps"]
        sockets: list[ClientConnection] = []
        for _ in range(n):
            opened = await connect(
                self.address.stream_url,
                additional_headers=self.address.headers,
                compression=None,
                max_queue=1,
                proxy=None,
            )
            await opened.send(json.dumps(self._start()))
            sockets.append(opened)
        await asyncio.sleep(_STALLED_SECONDS)
        made = (await self._metrics())["steps"] - before
        for opened in sockets:
            _cut(opened)
        return {"stalled": n, "made_ms": 1000 * made / n / self.rate_hz, **await self._left()}

    async def queue(self, n: int) -> dict[str, Any]:
        """n listeners at once, each for one short sequence: all must get theirs."""
        begun = time.perf_counter()
        steps = max(1, round(self.rate_hz))
        heard = await asyncio.gather(
            *(self._listen(lambda _: False, steps=steps) for _ in range(n))
        )
        return {
            "queue": n,
            "served": sum(h.steps == steps for h in heard),
            "refused": sum(h.refused is not None for h in heard),
            "longest_queue": max(h.place for h in heard),
            "seconds_for_all": time.perf_counter() - begun,
            **_spread("first_piece_ms", [h.first_piece for h in heard]),
            **await self._left(),
        }

    async def _listen(self, enough: Enough, leave: Any = None, steps: int | None = None) -> Heard:
        return await listen(self.address, self._start(steps), enough, leave)

    def _start(self, steps: int | None = None) -> dict[str, Any]:
        start = {"type": "start", "version": VERSION, "model": self.model}
        return start if steps is None else {**start, "steps": steps}

    async def _left(self) -> dict[str, float]:
        """What still plays or waits, once the server had time to notice that all are gone."""
        until = time.perf_counter() + _SETTLED_SECONDS
        while True:
            now = await self._metrics()
            if not now["playing"] + now["queued"] or time.perf_counter() > until:
                return {"playing_left": now["playing"], "queued_left": now["queued"]}

    async def _metrics(self) -> Mapping[str, float]:
        return await asyncio.to_thread(metrics, self.address, self.model)


def metrics(address: Address, model: str) -> dict[str, float]:
    """What `/metrics` says of one model: voices `playing` and `queued`, `steps` made so far."""
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError as error:
        raise ConfigError("this needs prometheus-client; pip install 'wavegen[serve]'") from error
    names = {
        "wavegen_voices_playing": "playing",
        "wavegen_voices_queued": "queued",
        "wavegen_steps_total": "steps",
    }
    found = {
        names[sample.name]: sample.value
        for family in text_string_to_metric_families(address.text("/metrics"))
        for sample in family.samples
        if sample.name in names and sample.labels.get("model") == model
    }
    return {name: found.get(name, 0.0) for name in names.values()}


def _has_a_piece(heard: Heard) -> bool:
    return heard.first_piece is not None


def _cut(connection: ClientConnection) -> None:
    """Reset the connection, as a crash or a lost network does in the end."""
    raw = connection.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


def _spread(name: str, seconds: Sequence[float | None]) -> dict[str, float | None]:
    """The median and the 99th of a hundred, in milliseconds."""
    known = sorted(1000 * s for s in seconds if s is not None)
    if not known:
        return {f"{name}_p50": None, f"{name}_p99": None}
    return {
        f"{name}_p50": known[(len(known) - 1) // 2],
        f"{name}_p99": known[min(len(known) - 1, round(0.99 * (len(known) - 1)))],
    }

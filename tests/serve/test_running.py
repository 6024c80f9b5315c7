"""What a server does so that sound comes at once and does not stop."""

from __future__ import annotations

import asyncio
import gc
import socket

from serving import HOST

from wavegen.serve.running import listening, spare_pauses


def test_what_is_sent_does_not_wait_for_an_acknowledgement() -> None:
    async def delays() -> bool:
        seen = asyncio.Queue[bool]()

        async def met(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own = writer.get_extra_info("socket")
            await seen.put(not own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listening(HOST, 0) as listener:
            async with await asyncio.start_server(met, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                found = await seen.get()
                writer.close()
                return found

    assert asyncio.run(delays()) is False


def test_the_collector_passes_over_what_is_loaded() -> None:
    gc.unfreeze()
    spare_pauses()
    try:
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()

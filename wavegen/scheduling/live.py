"""A stream for a program in Python, which takes its pieces one after the other."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from ..controls import ControlChanges
from ..errors import WavegenError
from ..opening import Opening
from ..session_file import write
from .engine_thread import EngineThread
from .listener import Listener
from .playback import Moment
from .scheduler import Scheduler
from .stream import Stream


class Live(Iterator[Any], AsyncIterator[Any]):
    """Raw pieces in order; what was taken counts as heard. Close it, or use it in a `with`."""

    def __init__(
        self,
        thread: EngineThread,
        scheduler: Scheduler,
        make: Callable[[], Opening],
        *,
        max_ahead_steps: int,
        aside: bool,
    ) -> None:
        self._thread, self._scheduler = thread, scheduler
        self._max_ahead_steps = max_ahead_steps
        self._inbox = _Inbox()
        self._stream: Stream = thread.call(
            scheduler.join, make, self._inbox, max_ahead_steps=max_ahead_steps, aside=aside
        ).result()

    def __iter__(self) -> Self:
        """The pieces, for `for`."""
        return self

    def __aiter__(self) -> Self:
        """The pieces, for `async for`."""
        return self

    def __next__(self) -> Any:
        """The next piece, once it is there."""
        self._heard()
        taken = self._inbox.wait()
        if taken is None:
            raise StopIteration
        return taken

    async def __anext__(self) -> Any:
        """The next piece; other tasks run until it is there."""
        self._heard()
        taken = await self._inbox.arrival()
        if taken is None:
            raise StopAsyncIteration
        return taken

    @property
    def position(self) -> int:
        """Steps of all pieces that were taken, counted from the beginning of the sequence."""
        return self._inbox.taken_to

    def update(self, **changes: Unpack[ControlChanges]) -> None:
        """Draw otherwise from the next piece on that is not drawn yet; the other controls stay."""

        def change(stream: Stream) -> None:
            stream.update(replace(stream.controls, **changes))

        self._thread.call(change, self._stream).result()

    def pause(self) -> None:
        """Draw nothing more until `go_on`."""
        self._thread.call(self._stream.pause)

    def go_on(self) -> None:
        """End a pause."""
        self._thread.call(self._stream.go_on)

    def mark(self) -> Moment:
        """The moment after the last piece that was taken."""
        self._heard()
        return self._thread.call(self._stream.mark).result()

    def rewind(self, mark: Moment) -> None:
        """Go back to a moment; controls stay as they are."""

        def back(stream: Stream) -> None:
            stream.rewind(mark)
            self._inbox.forget(mark.step)

        self._thread.call(back, self._stream).result()

    def fork(self, seed: int) -> Live:
        """Another stream, which goes on from here with another seed."""
        self._heard()
        twins = self._thread.call(self._stream.onwards).result().twins()
        return Live(
            self._thread,
            self._scheduler,
            partial(twins, seed),
            max_ahead_steps=self._max_ahead_steps,
            aside=False,
        )

    def save(self, path: Path | str) -> None:
        """Write this moment to a file, from which `TrainedModel.live(resume=...)` goes on."""
        self._heard()
        write(Path(path), self._thread.call(self._stream.ticket).result())

    def close(self) -> None:
        """Stop, and free the slot."""
        self._thread.call(self._stream.close)
        self._inbox.close()

    def __enter__(self) -> Self:
        """The stream itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.close()

    def _heard(self) -> None:
        if (step := self._inbox.taken_to) > 0:
            self._thread.call(self._stream.heard, step)


class _Inbox(Listener):
    """Pieces on their way from the engine's thread to whoever takes them."""

    def __init__(self) -> None:
        self.taken_to = 0
        self._pieces = deque[tuple[int, Any]]()
        self._condition = threading.Condition()
        self._asyncio: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._is_over, self._error = False, None

    def queued(self, place: int) -> None: ...

    def began(self) -> None: ...

    def piece(self, first_step: int, n_steps: int, raw: Any) -> None:
        with self._condition:
            if not self._is_over:
                self._pieces.append((first_step + n_steps, raw))
                self._tell()

    def ended(self, error: WavegenError | None) -> None:
        with self._condition:
            if not self._is_over:
                self._is_over, self._error = True, error
                self._tell()

    def close(self) -> None:
        """Nothing more is wanted."""
        with self._condition:
            self._pieces.clear()
            self._is_over, self._error = True, None
            self._tell()

    def forget(self, step: int) -> None:
        """What was not taken yet is not wanted: the next piece begins at that step."""
        with self._condition:
            self._pieces.clear()
            self.taken_to = step

    def wait(self) -> Any:
        """The next piece, once it is there; None after the last one."""
        with self._condition:
            self._condition.wait_for(lambda: self._pieces or self._is_over)
            return self._take()

    async def arrival(self) -> Any:
        """`wait`, without keeping other tasks from running."""
        event = asyncio.Event()
        with self._condition:
            self._asyncio = (asyncio.get_running_loop(), event)
            if self._pieces or self._is_over:
                event.set()
        await event.wait()
        with self._condition:
            return self._take()

    def _take(self) -> Any:
        if self._pieces:
            self.taken_to, raw = self._pieces.popleft()
            return raw
        if self._error is not None:
            raise self._error
        return None

    def _tell(self) -> None:
        self._condition.notify_all()
        if self._asyncio is not None:
            loop, event = self._asyncio
            self._asyncio = None
            loop.call_soon_threadsafe(event.set)

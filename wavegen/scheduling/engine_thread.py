"""The one thread in which models play, and the door to it.

Nobody else touches a scheduler or a stream: what others want done is called between two blocks.
Where it is nobody's turn the thread sleeps.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from ..errors import ConfigError
from .part import Part
from .scheduler import Scheduler
from .speeds import measure

P = ParamSpec("P")
R = TypeVar("R")

MOST_SLOTS = 64
"""Where nobody says otherwise."""
MARGIN = 1.2
"""Listeners are admitted while each is drawn so many times as fast as it is heard."""


class EngineThread:
    """Plays the streams of some models, by name, each through a scheduler of its own."""

    def __init__(
        self, parts: Mapping[str, Part], *, slots: int | None = None, margin: float = MARGIN
    ) -> None:
        if slots is not None and slots < 1:
            raise ConfigError(f"slots is {slots}; it must be 1 or more")
        self._parts, self._slots, self._margin = dict(parts), slots, margin
        self._calls = deque[tuple[Future[Any], Callable[[], None]]]()
        self._condition = threading.Condition()
        self._is_stopping = self._is_woken = False
        self._thread = threading.Thread(target=self._run, name="wavegen engine", daemon=True)
        # PyTorch takes primes in beside the blocks: those who listen are not kept waiting.
        self._primer = ThreadPoolExecutor(1, thread_name_prefix="wavegen primer")
        self._schedulers: dict[str, Scheduler] = {}

    @property
    def schedulers(self) -> Mapping[str, Scheduler]:
        """By name of the model; whatever changes one goes through `call`."""
        return self._schedulers

    def start(self) -> Self:
        """Measure how fast each model plays, then begin."""
        for name, part in self._parts.items():
            most = min(self._slots or MOST_SLOTS, part.engine.slots)
            speeds = measure(part, most)
            room = speeds.room(part.domain.rate_hz, self._margin)
            n_slots = room if self._slots is None else most
            self._schedulers[name] = Scheduler(
                part, speeds, n_slots, primer=self._primer, wake=self._wake
            )
        self._thread.start()
        return self

    def call(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Have `fn` called between two blocks; the future has its result or exception."""
        future: Future[R] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        with self._condition:
            if self._is_stopping:
                future.set_exception(_stopped())
                return future
            self._calls.append((future, run))
            self._condition.notify()
        return future

    def stop(self) -> None:
        """End after the block that is being drawn; streams get no more."""
        with self._condition:
            self._is_stopping = True
            self._condition.notify()
        self._primer.shutdown(wait=False, cancel_futures=True)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> None:
        while not self._is_stopping:
            while self._calls:
                self._calls.popleft()[1]()
            turns = [scheduler.tick() for scheduler in self._schedulers.values()]
            if any(turns):
                continue
            with self._condition:
                if not self._calls and not self._is_stopping and not self._is_woken:
                    self._condition.wait()
                self._is_woken = False
        self._end_all()

    def _end_all(self) -> None:
        """Nobody is left waiting for what will not come."""
        for future, _ in self._calls:
            if future.set_running_or_notify_cancel():
                future.set_exception(_stopped())
        for scheduler in self._schedulers.values():
            for stream in scheduler.streams():
                stream.close()
                stream.listener.ended(_stopped())

    def _wake(self) -> None:
        with self._condition:
            self._is_woken = True
            self._condition.notify()


def _stopped() -> ConfigError:
    return ConfigError("the engine was stopped; start another one")

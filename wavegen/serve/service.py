"""What all requests share: the models, the engine thread, the limits, and the way to an end."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import ParamSpec

from ..playing import TrainedModel
from ..scheduling.engine_thread import EngineThread
from .admission import Admission
from .asking import Store
from .decoding import Decoder
from .limits import Limits
from .metrics import Metrics
from .served import served

P = ParamSpec("P")

log = logging.getLogger("wavegen.serve")
_POLL_SECONDS = 0.05


class Visit(ABC):
    """A connection that takes long."""

    @abstractmethod
    def go_away(self, grace_seconds: float) -> None:
        """The server ends soon: tell it, and whatever it takes to go on elsewhere."""

    @abstractmethod
    def leave(self) -> None:
        """The server ends now."""


class Service:
    """One server's state; it belongs to one event loop, and models to the engine thread."""

    def __init__(
        self, models: Mapping[str, TrainedModel], engine: EngineThread, limits: Limits
    ) -> None:
        self.models = served(models, engine.schedulers)
        self.engine, self.limits = engine, limits
        self.admission = Admission(limits)
        self.store = Store.of(limits)
        self.decoder = Decoder(limits)
        self.metrics = Metrics(self.models)
        self.visits: set[Visit] = set()

    def order(self, fn: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have `fn` called in the engine thread, between two blocks of steps.

        Nobody waits for it; what goes wrong is logged.
        """
        self.engine.call(fn, *args, **kwargs).add_done_callback(_log_fault)

    async def sweep(self) -> None:
        """Let go of uploads and states whose time is over."""
        self.store.primes.sweep()
        self.store.states.sweep()

    async def drain(self) -> None:
        """No new listeners; those that are here get their states and some time.

        Returns once all have gone, at the latest when the time is over.
        """
        self.admission.is_draining = True
        grace = self.limits.grace_seconds
        for visit in set(self.visits):
            visit.go_away(grace)
        try:
            async with asyncio.timeout(0.8 * grace):
                await self._empty()
        except TimeoutError:
            for visit in set(self.visits):
                visit.leave()
        try:
            async with asyncio.timeout(0.1 * grace):
                await self._empty()
        except TimeoutError:
            log.warning("%d connections did not end in time", len(self.visits))

    async def _empty(self) -> None:
        while self.visits:
            await asyncio.sleep(_POLL_SECONDS)


def _log_fault(future: Future[object]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("the engine could not do what it was told", exc_info=error)

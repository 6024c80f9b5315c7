"""What a listener may say once it has begun, and what happens where it says nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec

from ..errors import ConfigError, WavegenError
from .ensemble import Ensemble
from .listener_messages import (
    Ack,
    Cancel,
    FromListener,
    Mark,
    Pause,
    Resume,
    Rewind,
    Save,
    Start,
    StatsWanted,
    Update,
)
from .outbox import Close, Outbox, Told
from .refusals import Code, RefusedError
from .sender import Order, Sender, complaint
from .server_messages import GoingAway, Stats
from .service import Service, log

P = ParamSpec("P")

_WATCH_SECONDS = 1.0


class Commands:
    """Carries a listener's messages to the engine thread; it waits for nothing there."""

    def __init__(
        self, service: Service, order: Order, ensemble: Ensemble, outbox: Outbox, sender: Sender
    ) -> None:
        self._service, self._order, self._ensemble = service, order, ensemble
        self._outbox, self._sender = outbox, sender
        self._loop = asyncio.get_running_loop()
        voices = len(order.made.makes)
        self._heard = [0] * voices
        self._is_paused = [False] * voices
        self._moved_at = 0.0
        """When it last heard something, or did something else than listen."""
        self._begins_at: float | None = None
        """When it is to begin to hear."""

    def obey(self, message: FromListener) -> None:
        """Begin to do it. Raises `RefusedError` or `ConfigError` where it cannot be done."""
        if not isinstance(message, Ack | StatsWanted):
            self._moved_at = time.monotonic()
        match message:
            case Ack(steps=steps, voice=voice):
                self._ack(steps, voice)
            case Update(controls=controls, voice=voice):
                self._do(self._ensemble.update, controls, voice)
            case Pause(voice=voice):
                self._set_paused(voice, True)
                self._do(self._ensemble.pause, voice)
            case Resume(voice=voice):
                self._set_paused(voice, False)
                self._do(self._ensemble.go_on, voice)
            case Mark(name=name):
                self._do(self._ensemble.mark, name)
            case Rewind(name=name):
                self._heard = [0] * len(self._heard)
                self._do(self._ensemble.rewind, name)
            case Save(voice=voice, send=send):
                self._do(self._ensemble.save, voice, send)
            case Cancel(voice=voice):
                self._do(self._ensemble.cancel, voice)
            case StatsWanted():
                self._do(self._tell_stats)
            case Start():
                raise RefusedError(Code.PROTOCOL, "it has started; open another connection")

    def complain(self, error: WavegenError) -> None:
        """Tell the listener what could not be done; it may go on."""
        self._outbox.put(Told(complaint(error)))

    def go_away(self, grace_seconds: float) -> None:
        """The states of all voices, then how much time is left."""

        def tell() -> None:
            try:
                self._ensemble.save_all()
            finally:
                self._outbox.post(Told(GoingAway(grace_s=grace_seconds)))

        self._do(tell)

    async def watch(self) -> None:
        """Each second: tell how far it is, and end it where nobody hears."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if not self._sender.is_created:
                continue
            self._do(self._tell_stats)
            now = time.monotonic()
            if self._begins_at is None:
                self._begins_at = now + self._sender.wait_seconds
            self._need_life(now - max(self._moved_at, self._begins_at))

    def _ack(self, steps: int, voice: int | None) -> None:
        """Only what was sent can have been heard, but for what was sent before a rewind."""
        sent = self._sender.sent
        if voice is not None and voice >= len(sent):
            raise ConfigError(f"voice is {voice}; this connection has {len(sent)}")
        chosen = range(len(sent)) if voice is None else [voice]
        most = max(sent[i] for i in chosen)
        if steps > most and not self._sender.is_rewound:
            raise RefusedError(
                Code.PROTOCOL, f"ack is {steps} steps; {most} were sent, and no more can be heard"
            )
        for i in chosen:
            heard = min(steps, sent[i])
            if heard > self._heard[i]:
                self._heard[i] = heard
                self._moved_at = time.monotonic()
        self._do(self._ensemble.heard, steps, voice)

    def _need_life(self, seconds: float) -> None:
        """Refuse a listener that has heard nothing for so long, though there was something."""
        limits, sender = self._service.limits, self._sender
        open_ = [i for i, done in enumerate(sender.is_done) if not done]
        if all(self._is_paused[i] for i in open_):
            if seconds > limits.kept_seconds:
                raise RefusedError(
                    Code.TOO_SLOW,
                    f"paused for {limits.kept_seconds:g} s; save the state and resume that",
                )
        elif seconds > limits.idle_seconds and any(
            sender.sent[i] > self._heard[i] for i in open_ if not self._is_paused[i]
        ):
            raise RefusedError(
                Code.TOO_SLOW,
                f"no ack of anything new came for {limits.idle_seconds:g} s; send one as it is "
                "heard",
            )

    def _set_paused(self, voice: int | None, paused: bool) -> None:
        for i in range(len(self._is_paused)):
            if voice in (None, i):
                self._is_paused[i] = paused

    def _tell_stats(self) -> None:
        """Called in the engine thread."""
        scheduler = self._order.served.scheduler
        stats = Stats(
            voices=self._ensemble.stats(),
            xrt=scheduler.xrt,
            listeners=len(self._service.visits),
            queued=scheduler.n_queued,
        )
        self._outbox.post(Told(stats))

    def _do(self, fn: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have it done in the engine thread; what cannot be done is told."""
        future = self._service.engine.call(fn, *args, **kwargs)
        future.add_done_callback(self._check)

    def _check(self, future: Future[object]) -> None:
        """Called in the engine thread."""
        if future.cancelled() or (error := future.exception()) is None:
            return
        if isinstance(error, WavegenError):
            self._outbox.post(Told(complaint(error)))
        else:
            log.error("a command failed", exc_info=error)
            self._outbox.post(Close(RefusedError(Code.FAULT, "the server failed; try again")))

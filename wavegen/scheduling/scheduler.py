"""Many streams of one model: whose turn it is, and how much is drawn at once.

Continuous batching is simple where a voice's state has a constant size: a slot is a voice, voices
join and leave between two blocks of steps, and those that are far enough ahead of their listeners
sit a block out. Whatever the company, a voice draws the same symbols.

Dimensions: V voices, T steps, E event shape, C' condition channels of a step.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future

import torch
from torch import Tensor

from ..errors import WavegenError
from ..opening import Opening
from .faults import fault
from .listener import Listener
from .part import Part
from .playback import Playback
from .speeds import Speeds
from .stream import HELD_SECONDS, Stream

_BLOCK_SECONDS = 0.02  # of work: who joins or leaves waits no longer than this
_PLACES_SECONDS = 0.5  # between two times that those who wait are told their places


class Scheduler:
    """Touched by one thread only; `tick` after `tick` is its whole life."""

    def __init__(
        self,
        part: Part,
        speeds: Speeds,
        n_slots: int,
        *,
        primer: Executor,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.part, self.speeds = part, speeds
        self.n_slots = min(n_slots, part.engine.slots)
        """Streams that can have a slot at once; the others wait, first come, first served."""
        self.n_steps_made = 0
        """Steps drawn so far, of all streams together."""
        self.n_blocks = 0
        self._primer, self._wake, self._now = primer, wake, clock
        self._seated: list[Stream] = []
        self._waiting = deque[Stream]()
        self._pace = 1.0  # of the last blocks, beside what was measured at the start
        self._told_at = 0.0

    @property
    def n_playing(self) -> int:
        """Streams that have a slot."""
        return len(self._seated)

    @property
    def n_queued(self) -> int:
        """Streams that wait for one."""
        return len(self._waiting)

    @property
    def xrt(self) -> float:
        """How many times real time each stream would be drawn if all that have a slot played."""
        return self.speeds.xrt(max(1, self.n_playing), self.part.domain.rate_hz) * self._pace

    def join(
        self,
        make: Callable[[], Opening],
        listener: Listener,
        *,
        max_ahead_steps: int,
        aside: bool = False,
    ) -> Stream:
        """A new stream, at the end of the queue.

        `make` is called once it has a slot, `aside` in another thread where it takes long.
        """
        stream = Stream(make, listener, max_ahead_steps, aside, self._leave, self._now)
        self._waiting.append(stream)
        if (place := len(self._waiting) - (self.n_slots - len(self._seated))) > 0:
            listener.queued(place)
        return stream

    def tick(self) -> bool:
        """Draw one block of steps for those whose turn it is; False where it is nobody's."""
        opened = self._admit()
        company, n = self._turn()
        if not company:
            return opened
        begin = time.perf_counter()
        try:
            drawn = self._play([playback for _, playback, _ in company], n)
        except Exception as error:
            for stream, _, _ in company:
                self._end(stream, fault(error))
            return True
        self._clock(len(company) * n, len(company), time.perf_counter() - begin)
        for (stream, playback, _), x in zip(company, drawn, strict=True):
            self._hand_out(stream, playback, x)
        return True

    def streams(self) -> list[Stream]:
        """Those that have a slot, then those that wait."""
        return [*self._seated, *self._waiting]

    def _turn(self) -> tuple[list[tuple[Stream, Playback, int]], int]:
        """Who is drawn now, with the steps that each may be given, and how many are drawn of each.

        Everybody who is not far enough ahead, unless somebody is new: then no more than it takes
        to draw at full speed, those first who have to have something the soonest. So who came first
        hears it while the others are still on their way.
        """
        ready = [
            (stream, stream.playback, n)
            for stream in self._seated
            if stream.playback is not None and (n := stream.wish()) > 0
        ]
        if not ready:
            return [], 0
        company, most = ready, [n for *_, n in ready]
        if any(stream.is_new for stream, *_ in ready):
            company = sorted(ready, key=lambda each: each[0].due)[: self.speeds.crowd]
            held = max(1, round(HELD_SECONDS * self.part.domain.rate_hz))
            most = [held, *(n for *_, n in company)]
        return company, min(self._affordable(len(company)), *most)

    def _play(self, company: list[Playback], n: int) -> Tensor:
        rows = [playback.cond(n) for playback in company]
        cond = torch.stack([row for row in rows if row is not None]) if self.part.n_cond else None
        return self.part.engine.play([playback.seat for playback in company], n, cond)

    def _affordable(self, n_voices: int) -> int:
        """Steps of each of so many voices that fill a block."""
        steps_per_s = self.speeds.together(n_voices) * self._pace
        return max(1, round(steps_per_s * _BLOCK_SECONDS / n_voices))

    def _clock(self, n_steps: int, n_voices: int, seconds: float) -> None:
        self.n_steps_made += n_steps
        self.n_blocks += 1
        if seconds < _BLOCK_SECONDS / 4:
            return  # of so short a block most is not drawing
        measured = n_steps / seconds / self.speeds.together(n_voices)
        # A machine that other work has slowed down gets smaller blocks, but never tiny ones.
        self._pace += 0.1 * (min(max(measured, 0.1), 2.0) - self._pace)

    def _admit(self) -> bool:
        """Give free slots to those who wait; True where something was handed out."""
        changed = False
        while self._waiting and len(self._seated) < self.n_slots:
            stream = self._waiting.popleft()
            self._seated.append(stream)
            stream.opening = self._made(stream)
            changed = True
        if self._waiting and (changed or self._now() - self._told_at > _PLACES_SECONDS):
            self._tell_places()
        opened = [
            stream
            for stream in self._seated
            if stream.playback is None and stream.opening is not None and stream.opening.done()
        ]
        for stream in opened:
            self._open(stream)
        return bool(opened)

    def _made(self, stream: Stream) -> Future[Opening]:
        if stream.aside and self.part.engine.primes_aside:
            future = self._primer.submit(stream.make)
            future.add_done_callback(lambda _: self._wake())
            return future
        future = Future[Opening]()
        try:
            future.set_result(stream.make())
        except Exception as error:
            future.set_exception(error)
        return future

    def _open(self, stream: Stream) -> None:
        assert stream.opening is not None
        try:
            playback = Playback(self.part, stream.opening.result(), stream.max_ahead_steps)
        except Exception as error:
            self._end(stream, fault(error))
            return
        stream.open(playback)
        stream.listener.began()
        if len(playback.given):
            self._hand_out(stream, playback, playback.given)
        elif playback.left == 0:
            self._end(stream, None)

    def _hand_out(self, stream: Stream, playback: Playback, x: Tensor) -> None:
        first = playback.made
        try:
            raw = playback.take(x)
            stream.handed(len(x))
            stream.listener.drawn(x)
            stream.listener.piece(first, len(x), raw)
            if playback.left == 0:
                stream.listener.piece(playback.made, 0, playback.finish())
        except Exception as error:
            self._end(stream, fault(error))
            return
        if playback.left == 0:
            self._end(stream, None)

    def _end(self, stream: Stream, error: WavegenError | None) -> None:
        stream.close()
        stream.listener.ended(error)

    def _leave(self, stream: Stream) -> None:
        if stream in self._seated:
            self._seated.remove(stream)
            if stream.opening is not None:
                stream.opening.cancel()
        elif stream in self._waiting:
            self._waiting.remove(stream)

    def _tell_places(self) -> None:
        self._told_at = self._now()
        for place, stream in enumerate(self._waiting, 1):
            stream.listener.queued(place)

"""The voices of one listener, as the engine thread touches them: nothing here is called elsewhere.

What a command changes is told through the outbox from here, so that it stands there between the
pieces before it and those after it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import ConfigError
from ..scheduling.playback import Moment
from ..scheduling.scheduler import Scheduler
from ..scheduling.stream import Stream
from .asked import ControlValues
from .asking import Openings
from .outbox import Cancelled, Outbox, Relay, State, Told
from .server_messages import Marked, Paused, Resumed, Rewound, Updated, VoiceStats

MAX_MARKS = 8


class Ensemble:
    """Voices of one model that began together."""

    def __init__(
        self, scheduler: Scheduler, openings: Openings, outbox: Outbox, max_ahead_steps: int
    ) -> None:
        self._scheduler, self._openings, self._outbox = scheduler, openings, outbox
        self._max_ahead_steps = max_ahead_steps
        self._streams: list[Stream] = []
        self._marks: dict[str, list[Moment | None]] = {}

    def join(self) -> None:
        """Get in the queue."""
        for voice, make in enumerate(self._openings.makes):
            self._streams.append(
                self._scheduler.join(
                    make,
                    Relay(self._outbox, self._scheduler, voice),
                    max_ahead_steps=self._max_ahead_steps,
                    aside=self._openings.aside,
                )
            )

    def close(self) -> None:
        """Nobody listens any more."""
        for stream in self._streams:
            stream.close()

    def heard(self, steps: int, voice: int | None) -> None:
        """An acknowledgement; one from before a rewind may be of more than was made since."""
        for _, stream in self._playing(voice):
            stream.heard(min(steps, stream.made))

    def update(self, controls: ControlValues, voice: int | None) -> None:
        """Draw otherwise from here on."""
        for i, stream in self._need(voice):
            stream.update(controls.over(stream.controls))
            self._outbox.post(Told(Updated(voice=i, step=stream.made)))

    def pause(self, voice: int | None) -> None:
        """Make no more for now."""
        for i, stream in self._need(voice):
            stream.pause()
            self._outbox.post(Told(Paused(voice=i, step=stream.made)))

    def go_on(self, voice: int | None) -> None:
        """End a pause."""
        for i, stream in self._need(voice):
            stream.go_on()
            self._outbox.post(Told(Resumed(voice=i, step=stream.made)))

    def mark(self, name: str) -> None:
        """Keep this moment of all voices that play."""
        if name not in self._marks and len(self._marks) == MAX_MARKS:
            raise ConfigError(
                f"there are {MAX_MARKS} marks ({', '.join(self._marks)}); use one of their names "
                f"again instead of {name!r}"
            )
        self._need(None)
        moments: list[Moment | None] = [None] * len(self._streams)
        for i, stream in self._playing(None):
            moments[i] = stream.mark()
        self._marks[name] = moments
        steps = [
            stream.made if moment is None else moment.step
            for moment, stream in zip(moments, self._streams, strict=True)
        ]
        self._outbox.post(Told(Marked(name=name, steps=steps)))

    def rewind(self, name: str) -> None:
        """Go back to a mark with all voices that play now and did then."""
        if name not in self._marks:
            raise ConfigError(f"no mark {name!r}; there are {', '.join(self._marks) or 'none yet'}")
        back: list[int] = []
        for i, stream in self._playing(None):
            if (moment := self._marks[name][i]) is not None:
                stream.rewind(moment)
                back.append(i)
        steps = [stream.made for stream in self._streams]
        self._outbox.post(Told(Rewound(name=name, steps=steps)), instead_of=back)

    def save(self, voice: int, send: bool) -> None:
        """Keep a voice as it was heard, also one of which all was made."""
        for i, stream in self._chosen(voice):
            self._outbox.post(State(i, self._heard_step(i, stream), stream.ticket(), send))

    def save_all(self) -> None:
        """Keep all voices that have begun to play."""
        for i, stream in self._playing(None):
            self._outbox.post(State(i, self._heard_step(i, stream), stream.ticket(), True))

    def cancel(self, voice: int | None) -> None:
        """End voices and free their slots."""
        for i, stream in self._chosen(voice):
            if stream.status != "ended":
                stream.close()
                self._outbox.post(Cancelled(i), instead_of=[i])

    def stats(self) -> list[VoiceStats]:
        """How far each voice is."""
        to_ms = 1000 / self._scheduler.part.domain.rate_hz
        return [
            VoiceStats(
                made=stream.made,
                heard=stream.heard_to,
                ahead_ms=max(0, stream.made - stream.heard_to) * to_ms,
                status=stream.status,
            )
            for stream in self._streams
        ]

    def _heard_step(self, voice: int, stream: Stream) -> int:
        """Where it is kept: not before the end of what was given."""
        begun = self._openings.begun.get(voice)
        return max(stream.heard_to, 0 if begun is None else begun.drawn)

    def _chosen(self, voice: int | None) -> list[tuple[int, Stream]]:
        if voice is None:
            return list(enumerate(self._streams))
        if voice >= len(self._streams):
            raise ConfigError(f"voice is {voice}; this connection has {len(self._streams)}")
        return [(voice, self._streams[voice])]

    def _playing(self, voice: int | None) -> Iterator[tuple[int, Stream]]:
        for i, stream in self._chosen(voice):
            if stream.playback is not None and stream.status != "ended":
                yield i, stream

    def _need(self, voice: int | None) -> list[tuple[int, Stream]]:
        """The chosen voices that play. Raises `ConfigError` where none does."""
        if found := list(self._playing(voice)):
            return found
        which = "no voice" if voice is None else f"voice {voice} does not play:"
        states = ", ".join(stream.status for _, stream in self._chosen(voice))
        raise ConfigError(
            f"{which} {'plays: ' if voice is None else 'it is '}{states}; wait for it"
        )

"""One listener's place in a scheduler: in the queue, then in a slot.

It is touched only in the thread that plays it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Literal

from ..controls import Controls
from ..errors import ConfigError
from ..opening import Opening
from .listener import Listener
from .playback import Moment, Playback

HELD_SECONDS = 0.08
"""What a listener holds before sound begins; so soon it should have it."""


class Stream:
    """What can be done to a sequence while it is on its way to its listener."""

    def __init__(
        self,
        make: Callable[[], Opening],
        listener: Listener,
        max_ahead_steps: int,
        aside: bool,
        leave: Callable[[Stream], None],
        clock: Callable[[], float],
    ) -> None:
        if max_ahead_steps < 1:
            raise ConfigError(f"max_ahead_steps is {max_ahead_steps}; it must be 1 or more")
        self.make, self.listener, self.aside = make, listener, aside
        self.max_ahead_steps = max_ahead_steps
        self.opening: Future[Opening] | None = None
        """On its way, once it has a slot."""
        self.playback: Playback | None = None
        """There once it has been opened."""
        self.is_new = True
        """Whether its listener still waits for its first sound."""
        self.due = 0.0
        """When its listener has to have more, by the clock, if it hears without a pause."""
        self._leave, self._now = leave, clock
        self._has_ended = self._is_paused = False

    @property
    def status(self) -> Literal["queued", "opening", "playing", "paused", "ended"]:
        """Where it is on its way."""
        if self._has_ended:
            return "ended"
        if self._is_paused:
            return "paused"
        if self.playback is not None:
            return "playing"
        return "queued" if self.opening is None else "opening"

    @property
    def made(self) -> int:
        """Steps that went to the listener, counted from the beginning of the sequence."""
        return 0 if self.playback is None else self.playback.made

    @property
    def heard_to(self) -> int:
        """Steps that it has heard."""
        return 0 if self.playback is None else self.playback.heard_to

    @property
    def seed(self) -> int:
        """Its noise is a function of this and of the step."""
        return self._playing().seed

    @property
    def controls(self) -> Controls:
        """How its next steps are drawn."""
        return self._playing().controls

    def open(self, playback: Playback) -> None:
        """It begins to play."""
        self.playback = playback
        self._begin()

    def handed(self, n_steps: int) -> None:
        """So many more steps go to its listener."""
        now = self._now()
        heard_all = now if self.is_new else max(now, self.due)
        self.is_new, self.due = False, heard_all + n_steps / self._playing().rate_hz

    def heard(self, step: int) -> None:
        """It has been heard up to there."""
        playback = self._playing()
        playback.heard(step)
        if self.is_new:
            return
        if playback.ahead:
            self.due = self._now() + playback.ahead / playback.rate_hz
        else:  # it waits for more, maybe for long
            self.due = min(self._now(), self.due)

    def update(self, controls: Controls) -> None:
        """Draw otherwise from the next step on."""
        self._playing().update(controls)

    def pause(self) -> None:
        """Draw nothing; the slot stays its own."""
        self._is_paused = True

    def go_on(self) -> None:
        """End a pause."""
        self._is_paused = False

    def mark(self) -> Moment:
        """The moment that is heard."""
        return self._playing().mark()

    def rewind(self, moment: Moment) -> None:
        """Go back to a moment of this stream; its controls stay as they are."""
        if self._has_ended:
            raise ConfigError("it has ended and left its slot; save it, and resume that")
        self._playing().rewind(moment)
        self._begin()

    def onwards(self) -> Opening:
        """What another stream begins with that goes on from the moment that is heard."""
        return self._playing().onwards()

    def ticket(self) -> bytes:
        """The same as a file, for `TrainedModel.opening_of`; also of a stream that has ended."""
        return self._playing().ticket()

    def close(self) -> None:
        """Nobody listens any more: the slot is free at once, and the listener hears of nothing."""
        if not self._has_ended:
            self._has_ended = True
            self._leave(self)

    def wish(self) -> int:
        """Steps that it may be given now; 0 where it is not its turn."""
        if self.playback is None or self._has_ended or self._is_paused:
            return 0
        return self.playback.wish()

    def _begin(self) -> None:
        """Its listener holds nothing."""
        self.is_new, self.due = True, self._now() + HELD_SECONDS

    def _playing(self) -> Playback:
        if self.playback is None:
            raise ConfigError("it has not begun to play; wait for its first piece")
        return self.playback

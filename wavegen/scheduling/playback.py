"""A sequence while it is played to somebody: how far it is, and how to get back to what was heard.

Everything stands in steps from the beginning of the sequence.

Dimensions: T steps, E event shape, C' condition channels of a step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..conditioning import Rows
from ..controls import Controls
from ..domain_player import Symbols
from ..engines.engine import Seat, Voice
from ..errors import ConfigError
from ..opening import Opening, kept
from ..session_file import pack
from .part import Part

_CHUNK_SECONDS = 0.25  # drawn at once at most
_MOMENTS = 4  # kept in what is drawn ahead, to go back from to what was heard


@dataclass(frozen=True)
class Moment:
    """A sequence between two steps."""

    voice: Voice
    memory: Mapping[str, Symbols]
    """What its decoder remembers."""

    @property
    def step(self) -> int:
        """How many steps are behind it."""
        return self.voice.position


class Playback:
    """Drawn no further ahead of what was heard than `max_ahead_steps`."""

    def __init__(self, part: Part, opening: Opening, max_ahead_steps: int) -> None:
        part.head.admit(opening.voice.controls)
        self.max_ahead_steps = max_ahead_steps
        self.given = opening.given
        """Symbols `(T, *E)` that are handed out before any is drawn."""
        self._part, self._decoder = part, part.domain.decoder()
        self._chunk_steps = max(1, round(_CHUNK_SECONDS * part.domain.rate_hz))
        if opening.memory is not None:
            self._decoder.recall(opening.memory)
        voice = opening.voice
        self.made = self.heard_to = voice.position - len(opening.given)
        """Steps that were handed out, and those of them that were heard."""
        self._length = opening.length
        self._rows, self._rows_from = None, voice.position
        if opening.rows is not None:
            self._rows = opening.rows.rest()
            end = voice.position + len(self._rows)
            self._length = end if self._length is None else min(end, self._length)
        self._moments = deque[Moment]()
        self._voice = voice
        self.seat: Seat
        """Where its voice is played."""
        self._sit(voice)

    @property
    def seed(self) -> int:
        """Its noise is a function of this and of the step."""
        return self._voice.seed

    @property
    def controls(self) -> Controls:
        """How its next steps are drawn."""
        return self._voice.controls

    @property
    def rate_hz(self) -> float:
        """Steps that are heard in a second."""
        return self._part.domain.rate_hz

    @property
    def ahead(self) -> int:
        """Steps that were handed out and not yet heard."""
        return self.made - self.heard_to

    @property
    def left(self) -> int:
        """Steps until its end; without end, more than there will ever be."""
        return 1 << 62 if self._length is None else max(0, self._length - self.made)

    def heard(self, step: int) -> None:
        """It has been heard up to there."""
        if not 0 <= step <= self.made:
            raise ConfigError(f"step {step} cannot have been heard: {self.made} were sent so far")
        self.heard_to = max(self.heard_to, step)
        while len(self._moments) > 1 and self._moments[1].step <= self.heard_to:
            self._moments.popleft()

    def update(self, controls: Controls) -> None:
        """Draw otherwise from the next step on."""
        self._part.head.admit(controls)
        self._voice = replace(self._voice, controls=controls)
        self.seat.control(controls)
        self._remember()

    def mark(self) -> Moment:
        """The moment that is heard, to the step; the end of what was given, while that is heard."""
        begun = self._moments[0]
        n = self.heard_to - begun.step
        if n <= 0:
            return begun
        seat, decoder = self._part.engine.seat(begun.voice), self._part.domain.decoder()
        cond = self._cond(begun.step, n)
        x = self._part.engine.play([seat], n, None if cond is None else cond[None])
        decoder.recall(begun.memory)
        decoder.push(x[0])
        return Moment(seat.voice, decoder.memory())

    def rewind(self, moment: Moment) -> None:
        """Go back to a moment of this sequence; its controls stay as they are."""
        self._decoder = self._part.domain.decoder()
        self._decoder.recall(moment.memory)
        self.made = self.heard_to = moment.step
        self.given = self.given[:0]
        self._moments.clear()
        self._sit(replace(moment.voice, controls=self.controls))

    def onwards(self) -> Opening:
        """What another stream begins with that goes on from the moment that is heard."""
        moment = self.mark()
        voice = replace(moment.voice, controls=self.controls)
        rows = self._rows_after(voice.position)
        rows_to_come = None if rows is None else Rows([rows])
        return Opening(voice, self.given[:0], rows_to_come, self._length, moment.memory)

    def ticket(self) -> bytes:
        """The same as a file, for `TrainedModel.opening_of`."""
        return pack(kept(self.onwards()), self._part.fingerprint)

    def wish(self) -> int:
        """Steps that it may be given now; 0 where it is not its turn.

        Once it is as far ahead as allowed it waits until half of that was heard, so that those who
        listen together are drawn together, in few large blocks.
        """
        room = self.max_ahead_steps - self.ahead
        if room >= max(1, self.max_ahead_steps // 2):
            self._fills = True
        elif room < max(1, self.max_ahead_steps // 8):
            self._fills = False
        return min(room, self._chunk_steps, self.left) if self._fills else 0

    def cond(self, n: int) -> Tensor | None:
        """Conditions `(n, C')` of its next steps."""
        return self._cond(self.made, n)

    def take(self, x: Tensor) -> Any:
        """Its next steps `(T, *E)`, given or drawn, as they are handed out."""
        self.made += len(x)
        raw = self._decoder.push(x)
        if self.made - self._moments[-1].step >= max(1, self.max_ahead_steps // _MOMENTS):
            self._remember()
        elif self.made == self._moments[-1].step:
            self._moments[-1] = replace(self._moments[-1], memory=self._decoder.memory())
        return raw

    def finish(self) -> Any:
        """What the decoder held back, once all steps were made."""
        return self._decoder.finish()

    def _sit(self, voice: Voice) -> None:
        self._voice, self.seat = voice, self._part.engine.seat(voice)
        self._fills = True
        self._remember()

    def _remember(self) -> None:
        moment = Moment(self.seat.voice, self._decoder.memory())
        if self._moments and self._moments[-1].step == moment.step:
            self._moments.pop()  # nothing was drawn with the controls that it had
        self._moments.append(moment)

    def _cond(self, step: int, n: int) -> Tensor | None:
        rows = self._rows_after(step)
        return None if rows is None else rows[:n]

    def _rows_after(self, step: int) -> Tensor | None:
        return None if self._rows is None else self._rows[step - self._rows_from :]

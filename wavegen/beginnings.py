"""How a model's sequences begin: the voice behind the lead-in, the prime, the conditions to come.

Dimensions: T steps, L steps of the lead-in but its first, E event shape, C' condition channels of a
step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from torch import Tensor

from .conditioning import Conditioning, Given, Rows
from .controls import Controls
from .domain import Domain
from .engines.engine import Engine, Voice
from .errors import ConfigError
from .heads import Head
from .labels import class_if_any
from .lengths import n_prime, n_steps, need_room
from .opening import Opening, opening_of
from .session_file import Kept

PLAIN = Controls()
"""Draws from the model's own distribution."""

_PLANNED_SECONDS = 3600.0  # of a planned stream whose length nobody gave
_PLANS = 4  # that are kept, of megabytes each


class Beginnings:
    """Makes voices and openings of one model."""

    def __init__(
        self,
        engine: Engine,
        head: Head,
        domain: Domain[Any],
        conditioning: Conditioning,
        lead_in: int,
    ) -> None:
        self._engine, self._head, self._domain = engine, head, domain
        self._conditioning, self._lead_in = conditioning, lead_in
        self._fresh: dict[str | None, Voice] = {}
        self._plans: dict[tuple[str, int], tuple[Tensor | None, Tensor | None]] = {}

    def voice(
        self, seed: int, controls: Controls, label: str | None, lead: Tensor | None = None
    ) -> Voice:
        """A voice at position 0: the lead-in, with conditions `lead` `(L, C')`, is behind it."""
        self._head.admit(controls)
        if lead is not None and self._conditioning.looks_ahead:  # it knows of this one sequence
            fresh = self.begun(static_of(self._domain, label), lead)
        else:
            if label not in self._fresh:
                self._fresh[label] = self.begun(static_of(self._domain, label))
            fresh = self._fresh[label]
        return replace(fresh, seed=seed, controls=controls)

    def begun(self, static: Tensor | None, lead: Tensor | None = None) -> Voice:
        """A new voice that has taken in the lead-in."""
        start, n = self._domain.start, self._lead_in - 1
        lead = self._conditioning.of_no_sequence() if lead is None else lead
        voice = self._engine.start(start, -n, static)
        return self._engine.prime(voice, start.expand(n, *start.shape), lead)

    def opening(
        self,
        *,
        seconds: float | None = None,
        steps: int | None = None,
        seed: int = 0,
        controls: Controls = PLAIN,
        prime: Any = None,
        prime_seconds: float | None = None,
        prime_bars: int | None = None,
        follow: Iterable[Any] | None = None,
        plan: Any = None,
        label: str | None = None,
    ) -> Opening:
        """What a stream begins with; the prime is taken in."""
        need_one(follow, plan)
        length = n_steps(seconds, steps, self._domain.rate_hz)
        given = given_of(self._domain, prime, prime_seconds, prime_bars)
        x = given.x
        if length is not None:
            need_room(len(x), length, self._domain.rate_hz)
        if follow is not None:
            lead, rows = self._conditioning.arriving(follow)
        else:
            hour = len(x) + round(_PLANNED_SECONDS * self._domain.rate_hz)
            lead, cond = self._planned(plan, hour if length is None else length, given)
            rows = None if cond is None else Rows([cond])
        voice = self.voice(seed, controls, label, lead)
        if len(x):
            cond = None if rows is None else rows.exactly(len(x))
            voice = self._engine.prime(voice, x, cond)
        return Opening(voice, x, rows, length)

    def _planned(self, plan: Any, steps: int, given: Given) -> tuple[Tensor | None, Tensor | None]:
        """What steps take in the lead-in and after it; kept, since many ask for the same."""
        if len(given.x):
            return self._conditioning.ahead(self._conditioning.planned(plan, steps, given))
        asked = (repr(plan), steps)
        found = self._plans.get(asked)
        if found is None:
            found = self._conditioning.ahead(self._conditioning.planned(plan, steps, given))
            while len(self._plans) >= _PLANS:
                self._plans.pop(next(iter(self._plans)), None)
            self._plans[asked] = found
        return found

    def onwards(
        self,
        found: Kept,
        *,
        seconds: float | None = None,
        steps: int | None = None,
        seed: int | None = None,
        controls: Controls | None = None,
    ) -> Opening:
        """What a stream begins with that goes on where another was kept.

        The length counts from there. Another seed makes it go on otherwise.
        """
        voice = replace(
            found.voice,
            seed=found.voice.seed if seed is None else seed,
            controls=found.voice.controls if controls is None else controls,
        )
        self._head.admit(voice.controls)
        n_more = n_steps(seconds, steps, self._domain.rate_hz)
        return opening_of(
            replace(found, voice=voice),
            self._domain.start[None][:0],
            self._conditioning.n_of_step,
            None if n_more is None else voice.position + n_more,
        )


def need_one(follow: Any, plan: Any) -> None:
    """Refuse both together."""
    if follow is not None and plan is not None:
        raise ConfigError("a sequence follows a recording or a plan; give one of them")


def static_of(domain: Domain[Any], label: str | None) -> Tensor | None:
    """The class id `()` of a label, or None of none. Raises `ConfigError` where it is wrong."""
    class_if_any(label, domain.labels)
    return None if label is None else domain.static(label)


def given_of(
    domain: Domain[Any], prime: Any, seconds: float | None = None, bars: int | None = None
) -> Given:
    """The first seconds or bars of a prime, raw or `Given`; nothing of no prime."""
    if seconds is not None and bars is not None:
        raise ConfigError("how much of the prime? give seconds or bars, not both")
    if prime is None:
        return Given(domain.start[None][:0], None)
    if isinstance(prime, Given):
        given = prime
    else:
        cond = domain.conditions(prime) if domain.cond_channels else None
        given = Given(domain.encode(prime), cond)
    if bars is not None:
        return given.first(domain.bars(prime, bars))
    return given.first(n_prime(len(given.x), seconds, domain.rate_hz))


def raw_of(domain: Domain[Any], prime: Any) -> Any:
    """A prime as the domain knows sequences."""
    return domain.decode(prime.x) if isinstance(prime, Given) else prime

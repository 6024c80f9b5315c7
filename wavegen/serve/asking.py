"""What was asked for, checked against the model and the limits, to openings of streams.

Dimensions: T steps, E event shape.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from .. import config
from ..beginnings import given_of
from ..conditioning import Given
from ..controls import Controls
from ..errors import ConfigError
from ..lengths import n_steps
from ..opening import Opening
from .asked import Asked
from .decoding import Decoded
from .limits import Limits
from .refusals import Code, RefusedError
from .served import Served
from .uploads import ExpiredIdError, UnknownIdError, Uploads

T = TypeVar("T")

Make = Callable[[], Opening]


@dataclass(frozen=True)
class Store:
    """What listeners have left with the server."""

    primes: Uploads[Decoded]
    states: Uploads[bytes]

    @classmethod
    def of(cls, limits: Limits) -> Store:
        """An empty one; each kind has half of the memory."""
        seconds, half = limits.kept_seconds, limits.kept_bytes // 2
        return cls(
            Uploads("prime", seconds=seconds, max_bytes=half),
            Uploads("saved state", seconds=seconds, max_bytes=half),
        )


@dataclass(frozen=True)
class Begun:
    """Where a voice begins."""

    seed: int
    first: int
    """The first step that is sent."""
    drawn: int
    """The first step that is not given."""


@dataclass(frozen=True)
class Openings:
    """How each voice of a request begins."""

    makes: list[Make]
    """One for each voice; they may take long where `aside`."""
    begun: dict[int, Begun]
    """By voice, as soon as its opening was made."""
    aside: bool
    seconds: float | None
    """The length that was asked for, if any was."""
    most: int
    """Steps of a voice at most."""
    raw: Callable[[Tensor], Any]
    """The sequence as the domain knows it, from all symbols `(T, *E)` that are sent of a voice."""


def openings(asked: Asked, served: Served, voices: int, store: Store, limits: Limits) -> Openings:
    """Everything that can be refused before the model is asked is refused here."""
    rate_hz = served.rate_hz
    steps = n_steps(asked.seconds, asked.steps, rate_hz)
    most = max(1, round(limits.seconds * rate_hz))
    if steps is not None and steps > most:
        raise RefusedError(
            Code.LIMIT,
            f"{steps / rate_hz:g} s were asked for, this server makes {limits.seconds:g} s at "
            "most; ask for fewer, or start it with another --limit.seconds",
        )
    length = most if steps is None else steps
    if asked.resume is not None:
        ticket = _kept(store.states, asked.resume, served.name)
        opening, raw = _resumed(asked, served, ticket, length), served.model.domain.decode
    else:
        prime, plan = _prime(asked, served, store), _plan(asked, served)
        opening = _begun(asked, served, prime, plan, length)
        raw = partial(served.model.annotated, prime=prime, plan=plan)
    begun: dict[int, Begun] = {}

    @functools.cache  # a prime or a state is taken in once, for all voices
    def first() -> tuple[int, Callable[[int], Opening]]:
        made = opening()
        return made.voice.seed, made.twins()

    def make(voice: int) -> Opening:
        seed, twin = first()
        made = twin(seed + voice)
        drawn = made.voice.position
        begun[voice] = Begun(made.voice.seed, drawn - len(made.given), drawn)
        return made

    return Openings(
        [partial(make, voice) for voice in range(voices)],
        begun,
        aside=asked.resume is not None or asked.prime is not None or asked.plan is not None,
        seconds=None if steps is None else steps / rate_hz,
        most=length,
        raw=raw,
    )


def _begun(asked: Asked, served: Served, prime: Given | None, plan: Any, steps: int) -> Make:
    """A sequence from its first step on."""
    return partial(
        served.model.opening,
        steps=steps,
        seed=secrets.randbelow(2**32) if asked.seed is None else asked.seed,
        controls=asked.controls.over(Controls()),
        prime=prime,
        plan=plan,
        label=asked.label,
    )


def _resumed(asked: Asked, served: Served, ticket: bytes, steps: int) -> Make:
    """A sequence from where it was kept; without a seed it is the very same."""
    model = served.model

    def opening() -> Opening:
        made = model.opening_of(ticket, "the state", steps=steps, seed=asked.seed)
        controls = asked.controls.over(made.voice.controls)
        model.head.admit(controls)
        return replace(made, voice=replace(made.voice, controls=controls))

    return opening


def _prime(asked: Asked, served: Served, store: Store) -> Given | None:
    """What was uploaded, as much of it as was asked for."""
    if asked.prime is None:
        return None
    found = _kept(store.primes, asked.prime, served.name)
    cond = None if found.conditions is None else torch.from_numpy(found.conditions)
    given = Given(torch.from_numpy(found.symbols), cond)
    return given_of(served.model.domain, given, asked.prime_seconds)


def _plan(asked: Asked, served: Served) -> Any:
    """The domain's own dataclass of what was asked for."""
    if asked.plan is None:
        return None
    if served.plan is None:
        raise ConfigError(f"{served.name} has no plan that could be asked for; leave plan out")
    return config.parse(served.plan, asked.plan, "plan")


def _kept(uploads: Uploads[T], id: str, model: str) -> T:
    try:
        return uploads.get(id, model=model)
    except UnknownIdError as error:
        raise RefusedError(Code.UNKNOWN, str(error)) from error
    except ExpiredIdError as error:
        raise RefusedError(Code.EXPIRED, str(error)) from error

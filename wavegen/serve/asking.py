"""What was asked for, checked against the model and the limits, to openings of streams.

Dimensions: T steps, E event shape.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from .. import config
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
        prime = None if asked.prime is None else _kept(store.primes, asked.prime, served.name)
        plan = _plan(asked, served)
        opening = _begun(asked, served, prime, plan, length)
        raw = partial(_annotated, served, prime, plan)
    begun: dict[int, Begun] = {}

    def make(voice: int) -> Opening:
        made = opening(voice)
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


def _begun(
    asked: Asked, served: Served, prime: Decoded | None, plan: Any, steps: int
) -> Callable[[int], Opening]:
    """A sequence from its first step on."""
    model = served.model
    controls = asked.controls.over(Controls())
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed

    def opening(voice: int) -> Opening:
        return model.opening(
            steps=steps,
            seed=seed + voice,
            controls=controls,
            prime=None if prime is None else _given(prime),
            prime_seconds=asked.prime_seconds,
            plan=plan,
            label=asked.label,
        )

    return opening


def _resumed(asked: Asked, served: Served, ticket: bytes, steps: int) -> Callable[[int], Opening]:
    """A sequence from where it was kept; voice 0 without a seed is the very same."""
    model = served.model

    def opening(voice: int) -> Opening:
        made = model.opening_of(ticket, "the state", steps=steps)
        controls = asked.controls.over(made.voice.controls)
        model.head.admit(controls)
        seed = (made.voice.seed if asked.seed is None else asked.seed) + voice
        return replace(made, voice=replace(made.voice, seed=seed, controls=controls))

    return opening


def _given(prime: Decoded) -> Given:
    cond = None if prime.conditions is None else torch.from_numpy(prime.conditions)
    return Given(torch.from_numpy(prime.symbols), cond)


def _annotated(served: Served, prime: Decoded | None, plan: Any, x: Tensor) -> Any:
    """What `TrainedModel.generate` makes of the symbols of a new sequence."""
    domain, cond = served.model.domain, None
    given = None if prime is None else _given(prime)
    if domain.cond_channels:
        known = None if given is None else given.cond
        begun = domain.start_cond[None][:0] if known is None else known[: len(x)]
        rows = domain.plan_conditions(plan, len(x) - len(begun), begun)
        cond = None if rows is None else torch.cat([begun, rows])
    raw_prime = None if given is None else domain.decode(given.x)
    return domain.annotated(domain.decode(x), cond, raw_prime)


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

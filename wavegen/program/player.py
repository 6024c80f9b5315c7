"""A program file as an instrument: new sequences and streams from it, without PyTorch.

A program sounds, bit for bit, as the run it was made of does on the native engine of the same build
with the same precision. Only a prime may differ in the last bits: here it is taken in step by step,
there in one parallel pass.

Dimensions: T time, E event shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import config
from ..controls import Controls
from ..cores import usable_cores
from ..domain_player import DomainPlayer, Symbols
from ..errors import ConfigError, DataError, PluginError, ProgramError
from ..labels import class_if_any
from ..lengths import PIECE_STEPS, Progress, chunks, n_prime, n_steps, need_room
from ..native.library import Program, Slot
from ..plugins import plugins

SLOTS = 64
"""Voices that are played together; their number changes no bit of what they play."""

PLAIN = Controls()
"""Draws from the model's own distribution."""


def play(path: Path | str, *, threads: int | None = None) -> Player:
    """Open a program file. `threads` share many voices; None takes all cores."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return Player(Program(content), threads=threads)
    except (ProgramError, PluginError, ConfigError) as error:
        raise type(error)(f"{path}: {error}") from error


class Player:
    """A program and its domain. Raw sequences are those of the domain."""

    def __init__(self, program: Program, *, threads: int | None = None) -> None:
        self.program = program
        self.about: Mapping[str, Any] = program.header["about"]
        """Which model and domain it was made of."""
        self.domain = _domain(self.about)
        event = program.header["event"]
        size = int(np.prod(self.domain.event_shape, dtype=np.int64))
        if event["classes"] != self.domain.n_classes or event["size"] != size:
            raise ProgramError(
                f"the program draws events of {event['size']} values and {event['classes']} "
                f"classes, its domain has {size} and {self.domain.n_classes}; make it anew"
            )
        if program.header["cond_channels"]:
            raise ProgramError(
                "the program takes conditions with each step, and only the run it was made of can "
                "make them; play the run itself (wavegen sample RUN or wavegen stream RUN), or "
                "make a program of a model that was trained without conditions"
            )
        self._voices: list[dict[str, Any]] = program.header["voices"]
        if not self._voices:
            raise ProgramError("the program has no voice that is ready to play; make it anew")
        self.labels = tuple(v["label"] for v in self._voices if v["label"] is not None)
        """Names of the static classes."""
        self._runner = program.runner(threads or usable_cores())

    def generate(
        self,
        n: int = 1,
        *,
        seconds: float | None = None,
        steps: int | None = None,
        seed: int = 0,
        controls: Controls = PLAIN,
        prime: Any = None,
        prime_seconds: float | None = None,
        label: str | None = None,
        progress: Progress | None = None,
    ) -> list[Any]:
        """n raw sequences of the given length; the i-th one has the seed `seed + i`.

        Each begins with `prime`, or its first `prime_seconds`, which count as part of the length.
        """
        if n < 1:
            raise ConfigError(f"n is {n}; it must be 1 or more")
        length = n_steps(seconds, steps, self.domain.rate_hz)
        if length is None:
            raise ConfigError("how long? give seconds or steps")
        given = self._prime(prime, prime_seconds)
        need_room(len(given), length, self.domain.rate_hz)
        index = self._index(label, controls)
        sequences: list[Any] = []
        for first in range(0, n, SLOTS):
            count = min(SLOTS, n - first)
            slots = [self._slot(index, seed + first + i, controls) for i in range(count)]
            drawn = self._empty(count, length)
            drawn[:, : len(given)] = given
            self._take(slots, given)
            for start in range(len(given), length, PIECE_STEPS):
                stop = min(start + PIECE_STEPS, length)
                for row, slot in zip(drawn, slots, strict=True):
                    slot.events = row[start:stop]
                self._runner.advance(slots, stop - start)
                if progress is not None:
                    n_whole = first * (length - len(given))
                    progress(n_whole + count * (stop - len(given)), n * (length - len(given)))
            sequences += [self.domain.decode(row) for row in drawn]
        return sequences

    def stream(
        self,
        *,
        seconds: float | None = None,
        steps: int | None = None,
        seed: int = 0,
        controls: Controls = PLAIN,
        prime: Any = None,
        prime_seconds: float | None = None,
        label: str | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Any]:
        """Raw pieces of one sequence, as they are drawn; without end where no length is given.

        End to end they are what `generate` gives. Closing the iterator stops the work.
        """
        length = n_steps(seconds, steps, self.domain.rate_hz)
        given = self._prime(prime, prime_seconds)
        if length is not None:
            need_room(len(given), length, self.domain.rate_hz)
        slot = self._slot(self._index(label, controls), seed, controls)
        return self._pieces(slot, given, length, progress)

    def _pieces(
        self, slot: Slot, given: Symbols, length: int | None, progress: Progress | None
    ) -> Iterator[Any]:
        decoder = self.domain.decoder()
        if len(given):
            self._take([slot], given)
            yield decoder.push(given)
        done = len(given)
        for chunk in chunks(self.domain.rate_hz):
            n = chunk if length is None else min(chunk, length - done)
            if n == 0:
                break
            (slot.events,) = drawn = self._empty(1, n)
            self._runner.advance([slot], n)
            done += n
            if progress is not None:
                progress(done - len(given), None if length is None else length - len(given))
            yield decoder.push(drawn[0])
        yield decoder.finish()

    def _prime(self, prime: Any, seconds: float | None) -> Symbols:
        """The symbols `(T, *E)` of the first seconds of a raw prime; none where there is none."""
        if prime is None:
            return self._empty(1, 0)[0]
        x = self.domain.encode(prime)
        return x[: n_prime(len(x), seconds, self.domain.rate_hz)]

    def _index(self, label: str | None, controls: Controls) -> int:
        """Which of the file's voices is meant, if it can be played so."""
        draws_classes = any(op["op"] == "sample" for op in self.program.header["ops"])
        if controls.truncates and not draws_classes:
            raise ConfigError(
                "top_k, top_p, min_p and typical_p choose among classes, but this program draws "
                "real numbers; only temperature applies to it"
            )
        class_if_any(label, self.labels)
        return next(i for i, voice in enumerate(self._voices) if voice["label"] == label)

    def _slot(self, index: int, seed: int, controls: Controls) -> Slot:
        """A voice at position 0: the lead-in is behind it."""
        state = self.program.voice_state(index)
        assert state is not None
        event = np.array(self._voices[index]["event"], self.program.event_type)
        return Slot(state=state, event=event, seed=seed, controls=controls)

    def _take(self, slots: list[Slot], given: Symbols) -> None:
        """Take symbols in as if they had been drawn."""
        if len(given):
            for slot in slots:
                slot.given = np.ascontiguousarray(given)
            self._runner.advance(slots, len(given))
            for slot in slots:
                slot.given = None

    def _empty(self, n: int, length: int) -> Symbols:
        """Room for n sequences `(n, T, *E)`."""
        return np.empty((n, length, *self.domain.event_shape), self.program.event_type)


def _domain(about: Mapping[str, Any]) -> DomainPlayer[Any]:
    """The domain that the file names, from the plugins that are installed."""
    match about.get("domain"):
        case {"name": str(name), "plugin": str(plugin), "config": dict(values)}:
            pass
        case other:
            raise ProgramError(
                f"about.domain is {other!r:.80}; it must have a name, a plugin and a config"
            )
    try:
        spec = plugins().domain(f"{plugin}:{name}").spec
    except PluginError as error:
        raise PluginError(
            f"needs the domain {name!r:.80} of the plugin {plugin!r:.80}; install it ({error})"
        ) from error
    if spec.player is None:
        raise PluginError(
            f"the domain {name!r:.80} cannot play programs; sample from the run instead"
        )
    return spec.player(config.parse(spec.config, values, "domain"))

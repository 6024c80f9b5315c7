"""A trained model: new sequences, streams, sessions and scores from it.

Dimensions: V voices, T steps, L steps of the lead-in but its first, E event shape, C condition
channels, C' those of a step.
"""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import Tensor

from . import __version__, checkpoint, device
from .assembly import assemble
from .beginnings import PLAIN, Beginnings, given_of, need_one, raw_of, static_of
from .conditioning import Conditioning
from .controls import Controls
from .domain import Domain, Split
from .engines.arena import StateLayout
from .engines.choice import ChosenEngine, EngineOptions, choose
from .engines.drawing import draw
from .engines.engine import Engine, Voice
from .engines.native_engine import NativeEngine
from .errors import ConfigError
from .heads import Filter, Head
from .lengths import Progress, n_steps, need_room
from .model import SequenceModel
from .opening import Asked, AskedOnwards, Opening
from .pieces import pieces
from .plugins import plugins
from .program.precision import precision_of, with_precision
from .program.program import Program
from .scheduling import EngineThread, Live, Part
from .scorer import Scorer
from .session_file import read, unpack
from .voices import Session

TORCH = EngineOptions(engine="torch")
"""PyTorch, with nothing to be prepared."""


def load(
    path: Path | str,
    device_name: str = "auto",
    *,
    engine: str = "auto",
    precision: str = "float32",
    slots: int | None = None,
    threads: int | None = None,
    filters: Sequence[str] = (),
) -> TrainedModel:
    """The newest model of a run, or the one in a checkpoint folder, ready to play.

    `engine` is auto (native on the CPU where it can be), native or torch; `precision` is float32,
    bfloat16 or int8, and `threads` the number that share voices, both of the native engine.
    """
    options = EngineOptions(engine, precision, slots, threads)
    if engine == "native" and device_name == "auto":
        device_name = "cpu"
    found = checkpoint.read(Path(path))
    parts = assemble(found)
    return TrainedModel(
        parts.model,
        parts.head,
        parts.domain,
        lead_in=parts.lead_in,
        config=found.config,
        device=device.choose(device_name),
        options=options,
        filters=[plugins().filter(name).spec.build() for name in filters],
    )


class TrainedModel:
    """A model with its head and its domain. Raw sequences are those of the domain."""

    def __init__(
        self,
        model: SequenceModel[Any],
        head: Head,
        domain: Domain[Any],
        *,
        lead_in: int,
        config: Mapping[str, Any] | None = None,
        device: torch.device | None = None,
        options: EngineOptions = TORCH,
        filters: Sequence[Filter] = (),
    ) -> None:
        self.device = device or torch.device("cpu")
        self.model, self.head = model.to(self.device).eval(), head.to(self.device).eval()
        self.domain = domain
        self.lead_in = lead_in
        """Start symbols before every sequence, in training and in playing alike."""
        self.config = dict(config or {})
        """What `config.json` of the checkpoint says."""
        self._options, self._filters = options, tuple(filters)
        self._conditioning = Conditioning(model, domain, lead_in, self.device)

    @property
    def engine(self) -> Engine:
        """What plays it, made when it is first asked for."""
        return self._chosen.engine

    @property
    def engine_name(self) -> str:
        """`native` or `torch`."""
        return self._chosen.name

    @property
    def engine_note(self) -> str | None:
        """Why the torch engine had to take the native one's place, in one line, if it had to."""
        return self._chosen.note

    @cached_property
    def _chosen(self) -> ChosenEngine:
        return choose(
            self.model,
            self.head,
            self._filters,
            self.device,
            self._options,
            lambda: self.fingerprint,
        )

    @cached_property
    def _beginnings(self) -> Beginnings:
        return Beginnings(self.engine, self.head, self.domain, self._conditioning, self.lead_in)

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
        prime_bars: int | None = None,
        follow: Any = None,
        plan: Any = None,
        label: str | None = None,
        progress: Progress | None = None,
    ) -> list[Any]:
        """n raw sequences of the given length; the i-th one has the seed `seed + i`.

        Each begins with `prime`, or its first `prime_seconds` or `prime_bars`, which count as part
        of the length. For a model with per-step conditions, `follow` is a recording that is spoken
        anew, and sets the length if none is given; or else the conditions are made from `plan`, the
        domain's own dataclass of what can be asked for, where the domain has one.
        """
        length = n_steps(seconds, steps, self.domain.rate_hz)
        given = given_of(self.domain, prime, prime_seconds, prime_bars)
        need_one(follow, plan)
        if follow is None:
            cond = self._conditioning.planned(plan, length, given)
        else:
            cond = self._conditioning.followed(follow)
        drawn = self.generate_symbols(
            n,
            steps=length,
            seed=seed,
            controls=controls,
            prime=given.x,
            cond=cond,
            label=label,
            progress=progress,
        )
        raw_prime = raw_of(self.domain, prime)
        return [self.domain.annotated(self.domain.decode(x), cond, raw_prime) for x in drawn]

    def generate_symbols(
        self,
        n: int = 1,
        *,
        steps: int | None = None,
        seed: int = 0,
        controls: Controls = PLAIN,
        prime: Tensor | None = None,
        cond: Tensor | None = None,
        label: str | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """`generate` in symbols: `(n, T, *E)` from a prime `(T', *E)` and conditions `(T, C)`.

        The conditions may be longer than the sequence: a model that looks ahead sees them all.
        """
        if n < 1:
            raise ConfigError(f"n is {n}; it must be 1 or more")
        self._conditioning.need(cond is not None)
        steps = len(cond) if steps is None and cond is not None else steps
        if steps is None:
            raise ConfigError("how long? give seconds or steps")
        if cond is not None and len(cond) < steps:
            raise ConfigError(
                f"the recording to follow has {len(cond)} steps, {steps} were asked for; ask for "
                "fewer"
            )
        prime = self.domain.start[None][:0] if prime is None else prime
        need_room(len(prime), steps, self.domain.rate_hz)
        lead, cond = self._conditioning.ahead(cond)
        voice = self._beginnings.voice(seed, controls, label, lead)
        voice = self.engine.prime(voice, prime, None if cond is None else cond[: len(prime)])
        drawn = torch.empty((n, steps, *prime.shape[1:]), dtype=prime.dtype)
        drawn[:, : len(prime)] = prime
        rows = None if cond is None else cond[len(prime) : steps]
        voices = ((replace(voice, seed=seed + i), rows) for i in range(n))
        n_new, first = steps - len(prime), 0
        told = None if progress is None else partial(_told, progress, n * n_new)
        for block, _ in draw(self.engine, voices, n_new, told):
            drawn[first : first + len(block), len(prime) :] = block
            first += len(block)
        return drawn

    def primed(
        self,
        x: Tensor,
        cond: Tensor | None = None,
        static: Tensor | None = None,
        controls: Controls = PLAIN,
    ) -> Voice:
        """A voice that goes on from symbols `(T, *E)` with conditions `(T, C')` as steps take them.

        `static` is the class id `()` or the vector `(D,)` of the sequence. Voices with other seeds
        are made of it with `dataclasses.replace`, and played by `engines.drawing.draw`.
        """
        self.head.admit(controls)
        if static is None:
            voice = self._beginnings.voice(0, controls, None)
        else:
            voice = replace(self._beginnings.begun(static), controls=controls)
        return self.engine.prime(voice, x, cond)

    def stream(self, *, progress: Progress | None = None, **asked: Unpack[Asked]) -> Iterator[Any]:
        """Raw pieces of one sequence, as they are drawn; without end where no length is given.

        End to end they are what `generate` gives. `follow` yields pieces of a recording as they
        arrive, and the stream ends with it; a model that looks ahead takes it in whole before it
        begins. A sequence that is made from `plan` is an hour long where no length is given.
        Closing the iterator stops the work.
        """
        return pieces(self.engine, self.opening(**asked), self.domain, progress)

    async def astream(self, **asked: Unpack[Asked]) -> AsyncIterator[Any]:
        """`stream` for asyncio: all such streams of the model play together in one thread.

        Closing the iterator stops the work.
        """
        with self.live(**asked) as live:
            async for piece in live:
                yield piece

    def live(
        self,
        *,
        resume: Path | str | None = None,
        max_ahead_seconds: float = 1.0,
        **asked: Unpack[Asked],
    ) -> Live:
        """A stream that can be changed while it plays, in the thread in which all such streams are.

        It is drawn ahead of what was taken from it by so many seconds at most. `resume` is a file
        that `Live.save` wrote; besides it a length, a seed and controls may be given.
        """
        if max_ahead_seconds <= 0:
            raise ConfigError(f"max_ahead_seconds is {max_ahead_seconds}; it must be above 0")
        make = partial(self.opening, **asked)
        if resume is not None:
            make = partial(self.opening_of, read(Path(resume)), str(resume), **asked)
        is_slow = any(asked.get(name) is not None for name in ("prime", "plan", "follow"))
        return Live(
            self._engine_thread,
            self._engine_thread.schedulers[""],
            make,
            max_ahead_steps=max(1, round(max_ahead_seconds * self.domain.rate_hz)),
            aside=is_slow,
        )

    def opening(self, **asked: Unpack[Asked]) -> Opening:
        """What `stream` begins with; the prime is taken in."""
        return self._beginnings.opening(**asked)

    def opening_of(
        self,
        ticket: bytes,
        source: str = "the session",
        **asked: Unpack[AskedOnwards],
    ) -> Opening:
        """What a stream begins with that goes on where another was kept (`Live.save`)."""
        found = unpack(ticket, source, self.any_voice(), self.head, self.fingerprint)
        return self._beginnings.onwards(found, **asked)

    def annotated(self, x: Tensor, prime: Any = None, plan: Any = None) -> Any:
        """What `generate` makes of symbols `(T, *E)` that began with a prime; `plan` as there."""
        cond = self._conditioning.planned(plan, len(x), given_of(self.domain, prime))
        return self.domain.annotated(self.domain.decode(x), cond, raw_of(self.domain, prime))

    def session(
        self,
        seed: int = 0,
        controls: Controls = PLAIN,
        label: str | None = None,
    ) -> Session:
        """A voice to be played by hand, in symbols; its conditions are those that a step takes."""
        return Session(
            self.engine, self.head, self._beginnings.voice(seed, controls, label), self.fingerprint
        )

    def resume(self, path: Path | str) -> Session:
        """A session that was saved with this very model."""
        return Session.resume(
            Path(path), self.engine, self.head, self.any_voice(), self.fingerprint
        )

    def any_voice(self) -> Voice:
        """A voice at position 0, with the first label: a measure of what voices are made of."""
        return self._beginnings.voice(0, PLAIN, next(iter(self.domain.labels), None))

    def program(self, precision: str = "float32") -> Program:
        """Its step, with a voice for each label that is ready to play. Raises `LoweringError`."""
        from .program.stored import lowered

        chosen = precision_of(precision)
        program = with_precision(
            lowered(self.model, self.head, self._filters, self.fingerprint), chosen
        )
        layout = StateLayout(program.header)
        for label in self.domain.labels or (None,):
            voice = self._beginnings.voice(0, PLAIN, label)
            last = voice.last.cpu().numpy()
            program = program.with_voice(label, last, layout.pack(voice.state))
        return program.with_about(
            {
                "wavegen": __version__,
                "model": self.config.get("model"),
                "domain": self.config.get("domain"),
                "rate_hz": self.domain.rate_hz,
                "labels": list(self.domain.labels),
                "lead_in": self.lead_in,
                "precision": precision,
                "fingerprint": self.fingerprint,
            }
        )

    def score(self, raw: Any, label: str | None = None) -> Tensor:
        """Bits `(T,)` of each symbol of a raw sequence, given all those before it."""
        cond = self.domain.conditions(raw) if self.domain.cond_channels else None
        return self.score_symbols(self.domain.encode(raw), cond, static_of(self.domain, label))

    def score_symbols(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """Bits `(T,)` of symbols `(T, *E)` with conditions `(T, C)`."""
        return self._scorer.symbols(x, cond, static)

    def score_split(self, split: Split) -> list[float]:
        """All bits of each sequence of a split, read in windows however long it is.

        They are those of its targets, where it has others than its symbols.
        """
        return self._scorer.split(split)

    @cached_property
    def _scorer(self) -> Scorer:
        stepwise = None
        if self._options.precision != "float32":
            assert isinstance(self.engine, NativeEngine)  # no other has precisions
            stepwise = self.engine, self._beginnings
        return Scorer(
            self.model, self.head, self.domain, self._conditioning, self.lead_in, stepwise
        )

    @property
    def part(self) -> Part:
        """What a scheduler needs of it."""
        return Part(
            self.engine,
            self.head,
            self.domain,
            self.fingerprint,
            self.any_voice(),
            self._conditioning.n_of_step,
        )

    @cached_property
    def _engine_thread(self) -> EngineThread:
        """Begun with the first live stream, ended with the model."""
        thread = EngineThread({"": self.part}).start()
        weakref.finalize(self, thread.stop)
        return thread

    @cached_property
    def fingerprint(self) -> str:
        """What a saved session is tied to: these weights under this config."""
        digest = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode())
        for part in (self.model, self.head):
            for name, tensor in sorted(part.state_dict().items()):
                values = tensor.detach().cpu().contiguous().reshape(-1)
                digest.update(name.encode() + values.view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def _told(progress: Progress, total: int, done: int) -> None:
    progress(done, total)

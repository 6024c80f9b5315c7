"""A one-file plugin for tests of training: a made-up language, a model that blows up, a tape.

Dimensions: B batch, T time, P head parameters.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from wavegen.config import option
from wavegen.domain import Split
from wavegen.errors import DataError
from wavegen.heads import Categorical
from wavegen.hookspecs import DomainSpec, Event, ModelSpec, Observer, ObserverSpec, hookimpl
from wavegen.memory_domain import MemoryDomain
from wavegen.model import SequenceModel, SequenceSpec

LETTERS = "abcdefgh"


@dataclass(frozen=True)
class WordsConfig:
    """Settings of the domain."""

    rate_hz: float = option(10.0, "letters per second")
    sound: bool = option(False, "save letters as pitches in a WAV file")


class Words(MemoryDomain[str]):
    """Text of eight letters."""

    def __init__(self, config: WordsConfig) -> None:
        self.config, self.rate_hz, self.start = config, config.rate_hz, torch.tensor(0)
        self.suffixes = (".wav", ".txt") if config.sound else (".txt",)

    def head(self) -> Categorical:
        return Categorical(len(LETTERS))

    def load(self, path: Path) -> str:
        try:
            return path.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: not text ({error})") from error

    def encode(self, raw: str) -> Tensor:
        return torch.tensor([LETTERS.index(letter) for letter in raw], dtype=torch.int64)

    def decode(self, x: Tensor) -> str:
        return "".join(LETTERS[code] for code in x.tolist())

    def pack(self, raw: str) -> bytes:
        return raw.encode()

    def baselines(self, train: Split, valid: Split) -> dict[str, float]:
        return {"texts": float(len(train.names) + len(valid.names))}

    def save(self, raw: str, path: Path) -> None:
        if not self.config.sound:
            super().save(raw, path)
            return
        import soundfile

        soundfile.write(path, self.encode(raw).numpy() / 8 - 0.5, 8000)


def write_words(path: Path, n_letters: int, seed: int = 0) -> None:
    """A text in which most letters follow from the two before: order 1 knows little of it."""
    rng = np.random.default_rng(seed)
    codes = [0, 1]
    for _ in range(n_letters):
        known = (3 * codes[-1] + 5 * codes[-2] + 1) % len(LETTERS)
        codes.append(known if rng.random() < 0.9 else int(rng.integers(len(LETTERS))))
    path.write_text("".join(LETTERS[code] for code in codes[2:]), encoding="ascii")


@dataclass(frozen=True)
class BombConfig:
    """Settings of the model that blows up."""

    fuse: Literal["loss", "gradient", "validation"] = option("loss", "what becomes NaN")
    after: int = option(0, "updates before it does")


class Bomb(SequenceModel[Tensor]):
    """Order-1 statistics, until the fuse has burnt down."""

    receptive_field = 1

    def __init__(self, config: BombConfig, spec: SequenceSpec) -> None:
        super().__init__()
        assert spec.n_classes is not None
        self.spec, self.config, self.seen = spec, config, 0
        self.table = nn.Embedding(spec.n_classes, spec.n_params)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        out = self.table(x)
        self.seen += self.training
        if self.seen <= self.config.after:
            return out
        match self.config.fuse:
            case "loss" if self.training:
                return out * torch.nan
            case "gradient" if self.training:  # 0, but its derivative is 0 times infinity
                return out + (self.table.weight * 0).sum().sqrt()
            case "validation" if not self.training:
                return out * torch.nan
            case _:
                return out

    def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
        return torch.zeros(batch, 1)

    def step(self, x: Tensor, state: Tensor, cond: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.table(x), state


class Tape(Observer):
    """Writes each event to `RUN/tape.jsonl`."""

    def __init__(self, run: Path) -> None:
        self.path = run / "tape.jsonl"

    def notify(self, event: Event) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([event.kind, dict(event.values)]) + "\n")


class Impatient(Observer):
    """Presses Ctrl-C after the first validation."""

    def __init__(self, run: Path) -> None:
        self.done = False

    def notify(self, event: Event) -> None:
        if event.kind == "validated" and not self.done:
            self.done = True
            os.kill(os.getpid(), signal.SIGINT)


@hookimpl
def wavegen_domains() -> Iterator[DomainSpec]:
    yield DomainSpec("words", WordsConfig, Words, "eight letters")
    suits = {"batch": 3, "window": 32, "lr": 0.2}
    yield DomainSpec("verses", WordsConfig, Words, "the same", model="bomb", trainer=suits)


@hookimpl
def wavegen_models() -> Iterator[ModelSpec]:
    yield ModelSpec("bomb", BombConfig, Bomb, "becomes NaN", trainer={"lr": 0.3, "clip": 2.0})


@hookimpl
def wavegen_observers() -> Iterator[ObserverSpec]:
    yield ObserverSpec("tape", Tape, "writes events down")
    yield ObserverSpec("impatient", Impatient, "interrupts")


def lines(path: Path) -> list[Any]:
    """The JSON value of each line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

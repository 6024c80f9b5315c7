"""A one-file plugin for tests: letters as sequences, and a small net of dilated convolutions.

Dimensions: B batch, T time, H hidden, P head parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from wavegen.config import option
from wavegen.domain import Conditioner, Corpus, Decoder, Domain, Split, StreamFormat
from wavegen.errors import DataError
from wavegen.heads import Categorical, Gaussian, Head
from wavegen.hookspecs import DomainSpec, FilterSpec, ModelSpec, hookimpl
from wavegen.model import SequenceModel, SequenceSpec

LETTERS = "abcdefghijklmnop"


@dataclass(frozen=True)
class LettersConfig:
    """Settings of the domain."""

    output: str = option("letters", "letters: classes; numbers: reals")
    cond: bool = option(False, "whether vowels are given as a per-step condition")
    labels: tuple[str, ...] = option((), "names of the writers")
    n_letters: int = option(len(LETTERS), "how many letters there are")


class LettersSplit(Split):
    """Texts in memory."""

    def __init__(self, domain: Letters, paths: Sequence[Path]) -> None:
        self.domain, self.paths = domain, paths

    @property
    def names(self) -> Sequence[str]:
        return [str(path) for path in self.paths]

    @property
    def lengths(self) -> Any:
        return np.array([len(self.domain.load(path)) for path in self.paths], dtype=np.int64)

    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        raw = self.domain.load(self.paths[index])[start:stop]
        return self.domain.encode(raw), self.domain.conditions(raw)

    def static(self, index: int) -> Tensor | None:
        return None


class LettersDecoder(Decoder[str]):
    """Letters need no waiting."""

    def __init__(self, domain: Letters) -> None:
        self.domain = domain

    def push(self, x: Tensor) -> str:
        return self.domain.decode(x)

    def finish(self) -> str:
        return ""


class LettersFormat(StreamFormat[str]):
    """ASCII."""

    header = b"LETTERS:"

    def pack(self, piece: str) -> bytes:
        return piece.encode()


class LettersConditioner(Conditioner[str]):
    """One row a letter, held back by one piece to be as awkward as is allowed."""

    latency = 0

    def __init__(self, domain: Letters) -> None:
        self.domain, self.held = domain, ""

    def push(self, piece: str) -> Tensor:
        ready, self.held = self.held, piece
        return self.domain.rows(ready)

    def finish(self) -> Tensor:
        return self.domain.rows(self.held)


class Letters(Domain[str]):
    """Text of few letters, or numbers written as letters."""

    suffixes = (".txt",)
    rate_hz = 100.0

    def __init__(self, config: LettersConfig) -> None:
        self.config = config
        self.is_real = config.output == "numbers"
        self.start = torch.tensor(0.0) if self.is_real else torch.tensor(0)
        self.cond_channels = 1 if config.cond else 0
        self.start_cond = torch.zeros(self.cond_channels)
        self.labels = config.labels

    def head(self) -> Head:
        return Gaussian(2) if self.is_real else Categorical(self.config.n_letters)

    def prepare(
        self,
        sources: Sequence[str],
        cache: Path,
        *,
        valid: Sequence[str] = (),
        test: Sequence[str] = (),
    ) -> Corpus:
        splits = [LettersSplit(self, [Path(s) for s in names]) for names in (sources, valid, test)]
        return Corpus(self, *splits, report={"files": len(sources)})

    def load(self, path: Path) -> str:
        try:
            return path.read_text().strip()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error

    def pieces(self, path: Path) -> Iterator[str]:
        with path.open("rb", buffering=0) as file:
            while block := file.read(16):
                yield block.decode()

    def save(self, raw: str, path: Path) -> None:
        path.write_text(raw)

    def encode(self, raw: str) -> Tensor:
        codes = torch.tensor([LETTERS.index(letter) for letter in raw], dtype=torch.int64)
        return codes.float() if self.is_real else codes

    def decode(self, x: Tensor) -> str:
        codes = x.round().clamp(0, len(LETTERS) - 1).long()
        return "".join(LETTERS[code] for code in codes.tolist())

    def rows(self, raw: str) -> Tensor:
        return torch.tensor([[float(letter in "aeio")] for letter in raw]).reshape(-1, 1)

    def conditions(self, raw: str) -> Tensor | None:
        return self.rows(raw) if self.config.cond else None

    def conditioner(self) -> Conditioner[str]:
        return LettersConditioner(self)

    def decoder(self) -> Decoder[str]:
        return LettersDecoder(self)

    def stream_format(self) -> StreamFormat[str]:
        return LettersFormat()

    def picture(self, raw: str, path: Path, title: str = "") -> None:
        path.write_bytes(raw.encode())

    def metrics(self, sequences: Sequence[Tensor]) -> dict[str, float]:
        return {"mean_letter": float(torch.cat(list(sequences)).float().mean())}


@dataclass(frozen=True)
class ToyConfig:
    """Settings of the net."""

    layers: int = option(3, "dilations 1, 2, 4, 8, 1, 2, ...")
    hidden: int = option(24, "H")


class ToyState(NamedTuple):
    """Delay lines of all layers, end to end; the clock; what the label says."""

    taps: Tensor  # (B, R, H)
    clock: Tensor  # (B)
    voice: Tensor  # (B, H)


class Toy(SequenceModel[ToyState]):
    """Kernel size 2, residuals, ring buffers written in place (Le Paine 2016)."""

    def __init__(self, config: ToyConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.spec, h = spec, config.hidden
        self.dilations = [2 ** (layer % 4) for layer in range(config.layers)]
        self.receptive_field = 1 + sum(self.dilations)
        self.enter = nn.Linear(1, h) if spec.n_classes is None else nn.Embedding(spec.n_classes, h)
        self.cond = nn.Linear(spec.cond_channels, h) if spec.cond_channels else None
        self.static = nn.Embedding(spec.static_classes, h) if spec.static_classes else None
        self.now = nn.ModuleList(nn.Linear(h, h) for _ in self.dilations)
        self.past = nn.ModuleList(nn.Linear(h, h) for _ in self.dilations)
        self.leave = nn.Linear(h, spec.n_params)

    def init_state(self, batch: int, static: Tensor | None = None) -> ToyState:
        h = self.leave.in_features
        voice = torch.zeros(batch, h)
        if self.static is not None and static is not None:
            voice = self.static(static)
        empty = torch.zeros(batch, sum(self.dilations), h)
        return ToyState(empty, torch.zeros(batch, dtype=torch.int64), voice)

    def _embed(self, x: Tensor, cond: Tensor | None) -> Tensor:
        hidden = self.enter(x[..., None] if self.spec.n_classes is None else x)
        return hidden if self.cond is None or cond is None else hidden + self.cond(cond)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        hidden = self._embed(x, cond) + self.init_state(len(x), static).voice[:, None]
        for d, now, past in zip(self.dilations, self.now, self.past, strict=True):
            before = nn.functional.pad(hidden, (0, 0, d, 0))[:, : hidden.shape[1]]
            hidden = hidden + torch.tanh(now(hidden) + past(before))
        return self.leave(hidden)

    def step(
        self, x: Tensor, state: ToyState, cond: Tensor | None = None
    ) -> tuple[Tensor, ToyState]:
        hidden = self._embed(x, cond) + state.voice
        rows, first = torch.arange(len(x)), 0
        for d, now, past in zip(self.dilations, self.now, self.past, strict=True):
            slot = first + state.clock % d
            before = state.taps[rows, slot].clone()
            state.taps[rows, slot] = hidden
            hidden = hidden + torch.tanh(now(hidden) + past(before))
            first += d
        return self.leave(hidden), state._replace(clock=state.clock + 1)


def forbid_odd(params: Tensor, previous: Tensor, drawn: Tensor) -> Tensor:
    """Even letters only."""
    odd = torch.arange(params.shape[-1]) % 2 == 1
    return params.masked_fill(odd, float("-inf"))


@hookimpl
def wavegen_models() -> Iterator[ModelSpec]:
    yield ModelSpec("toy", ToyConfig, Toy, "a small net")


@hookimpl
def wavegen_domains() -> Iterator[DomainSpec]:
    yield DomainSpec("letters", LettersConfig, Letters, "a few letters")


@hookimpl
def wavegen_filters() -> Iterator[FilterSpec]:
    yield FilterSpec("even", lambda: forbid_odd, "even letters only")


def parts(domain: Letters, seed: int = 0, **settings: int) -> tuple[Toy, Head]:
    """A net with random weights for `domain`, and its head."""
    torch.manual_seed(seed)
    head = domain.head()
    model = Toy(ToyConfig(**settings), domain.spec(head))
    for weights in model.parameters():
        weights.data.mul_(2.0)  # far from uniform, so that the past matters
    return model.eval(), head.eval()

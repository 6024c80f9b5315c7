"""A one-file plugin for tests: words of four letters, told where bars begin and what is loud.

Dimensions: B batch, T time, C condition channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wavegen.config import option
from wavegen.domain import Conditioner, Corpus, Split
from wavegen.errors import ConfigError, DataError
from wavegen.heads import Categorical, Chain, Head
from wavegen.hookspecs import DomainSpec, FilterSpec, ModelSpec, hookimpl
from wavegen.memory_domain import MemoryDomain
from wavegen.model import SequenceModel, SequenceSpec
from wavegen.models.recurrent import Recurrent
from wavegen.models.recurrent_config import RecurrentConfig

LETTERS = "abcdefgh"
BAR = 4


@dataclass(frozen=True)
class QuartetPlan:
    loud_every: int = option(4, "steps from one loud step to the next")


@dataclass(frozen=True)
class QuartetConfig:
    cond: bool = option(True, "tell where bars begin, and what is loud")


class ToldSplit(Split):
    """A split with its conditions."""

    def __init__(self, domain: Quartets, split: Split) -> None:
        self.domain, self.inner = domain, split

    @property
    def names(self) -> Sequence[str]:
        return self.inner.names

    @property
    def lengths(self) -> Any:
        return self.inner.lengths

    def read(self, index: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        x, _ = self.inner.read(index, 0, int(self.lengths[index]))
        cond = self.domain.conditions(self.domain.decode(x))
        return x[start:stop], None if cond is None else cond[start:stop]

    def static(self, index: int) -> None:
        return None


class Quartets(MemoryDomain[str]):
    """Each step is four letters; a step is loud where its first letter is an a."""

    suffixes = (".txt",)
    rate_hz = 10.0
    default_seconds = 1.2

    def __init__(self, config: QuartetConfig) -> None:
        self.config, self.start = config, torch.zeros(4, dtype=torch.int64)
        self.cond_channels = 2 if config.cond else 0
        self.start_cond = torch.zeros(self.cond_channels)

    def head(self) -> Head:
        return Chain(Categorical(len(LETTERS)), 4, context=6, hidden=12)

    def load(self, path: Path) -> str:
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: not text ({error})") from error
        return text

    def encode(self, raw: str) -> Tensor:
        return torch.tensor([LETTERS.index(letter) for letter in raw]).reshape(-1, 4).long()

    def decode(self, x: Tensor) -> str:
        return "".join(LETTERS[code] for code in x.flatten().tolist())

    def pack(self, raw: str) -> bytes:
        return raw.encode()

    def prepare(
        self,
        sources: Sequence[str],
        cache: Path,
        *,
        valid: Sequence[str] = (),
        test: Sequence[str] = (),
    ) -> Corpus:
        found = super().prepare(sources, cache, valid=valid, test=test)
        train, valid_part, test_part = (
            ToldSplit(self, split) for split in (found.train, found.valid, found.test)
        )
        return replace(found, train=train, valid=valid_part, test=test_part)

    def conditions(self, raw: str) -> Tensor | None:
        if not self.config.cond:
            return None
        first = [float(t % BAR == 0) for t in range(len(raw) // 4)]
        return torch.tensor([first, [float(c == "a") for c in raw[::4]]]).T.reshape(-1, 2)

    def conditioner(self) -> Conditioner[str]:
        return QuartetConditioner(self)

    def plan_conditions(self, plan: Any, steps: int, begun: Tensor) -> Tensor | None:
        every = (plan or QuartetPlan()).loud_every
        t = torch.arange(len(begun), len(begun) + steps)
        return torch.stack([t % BAR == 0, t % every == 0], 1).float()

    def bars(self, raw: str, n: int) -> int:
        return min(BAR * n, len(raw) // 4)


class QuartetConditioner(Conditioner[str]):
    latency = 10**9

    def __init__(self, domain: Quartets) -> None:
        self.domain, self.held = domain, ""

    def push(self, piece: str) -> Tensor:
        self.held += piece
        return torch.empty(0, 2)

    def finish(self) -> Tensor:
        rows = self.domain.conditions(self.held)
        assert rows is not None
        return rows


@dataclass(frozen=True)
class ProphetConfig:
    width: int = option(12, "units")


class Prophet(SequenceModel[Any]):
    """A GRU that knows how much of each condition is still to come."""

    receptive_field = None

    def __init__(self, config: ProphetConfig, spec: SequenceSpec) -> None:
        super().__init__()
        if not spec.cond_channels:
            raise ConfigError("prophet needs conditions")
        self.spec, self.step_cond_channels = spec, 2 * spec.cond_channels
        inner = replace(spec, cond_channels=self.step_cond_channels)
        self.net = Recurrent(RecurrentConfig(width=config.width, embedding=8, layers=1), inner)

    def look_ahead(self, cond: Tensor) -> Tensor:
        return torch.cat([cond, cond.flip(1).cumsum(1).flip(1) / 4], -1)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        return self.net.forward(x, cond, static)

    def init_state(self, batch: int, static: Tensor | None = None) -> Any:
        return self.net.init_state(batch, static)

    def step(self, x: Tensor, state: Any, cond: Tensor | None = None) -> tuple[Tensor, Any]:
        return self.net.step(x, state, cond)

    def prefill(self, x: Tensor, state: Any, cond: Tensor | None = None) -> tuple[Tensor, Any]:
        return self.net.prefill(x, state, cond)

    def hidden_weights(self) -> list[torch.nn.Parameter]:
        return self.net.hidden_weights()


def no_unison(params: Tensor, previous: Tensor, drawn: Tensor) -> Tensor:
    """No letter that stands in this step already, nor the one that stood first in the last."""
    classes = torch.arange(params.shape[-1])
    params = params.masked_fill(classes == previous[:, :1], -1e9)
    for k in range(drawn.shape[1]):
        params = params.masked_fill(classes == drawn[:, k : k + 1], -1e9)
    return params


@hookimpl
def wavegen_domains() -> Iterator[DomainSpec]:
    yield DomainSpec("quartets", QuartetConfig, Quartets, "four letters a step", plan=QuartetPlan)


@hookimpl
def wavegen_models() -> Iterator[ModelSpec]:
    yield ModelSpec("prophet", ProphetConfig, Prophet, "knows what is to come")


@hookimpl
def wavegen_filters() -> Iterator[FilterSpec]:
    yield FilterSpec("no-unison", lambda: no_unison, "four different letters")

"""A small domain that keeps every law, and its mutants: every law of the domain kit catches one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from running import broken_laws
from torch import Tensor

from wavegen.config import option
from wavegen.domain import Conditioner, Decoder, StreamFormat
from wavegen.errors import DataError
from wavegen.heads import Categorical, Head
from wavegen.memory_domain import MemoryDomain
from wavegen.model import SequenceSpec
from wavegen.testing import DomainContract

LEVELS = 16


@dataclass(frozen=True)
class Config:
    rate_hz: float = option(10.0, "levels per second")


@dataclass(frozen=True)
class FolderConfig:
    rate_hz: float = option(10.0, "levels per second")
    folder: Path = field(default=Path("here"))  # what JSON cannot hold


class SumsAhead(Conditioner[np.ndarray]):
    """Row t is the sum of values t and t + 1, so a value is held back for its successor."""

    latency = 1

    def __init__(self) -> None:
        self.held = np.empty(0, np.float32)

    def push(self, piece: np.ndarray) -> Tensor:
        seen = np.concatenate([self.held, piece])
        self.held = seen[-1:]
        return torch.from_numpy(seen[:-1] + seen[1:])[:, None]

    def finish(self) -> Tensor:
        return torch.from_numpy(self.held)[:, None]


class Levels(MemoryDomain[np.ndarray]):
    """Sixteen levels from -1 to 1; the file is text, one number a line."""

    suffixes = (".levels",)
    cond_channels = 1
    start_cond = torch.zeros(1)

    def __init__(self, config: Any = None) -> None:
        self.config = config or Config()
        self.rate_hz, self.start = self.config.rate_hz, torch.tensor(LEVELS // 2)

    def head(self) -> Head:
        return Categorical(LEVELS)

    def load(self, path: Path) -> np.ndarray:
        try:
            values = [float(line) for line in path.read_text(encoding="ascii").split()]
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: not a column of numbers ({error})") from error
        if not values:
            raise DataError(f"{path}: is empty")
        return np.array(values, dtype=np.float32)

    def encode(self, raw: np.ndarray) -> Tensor:
        return torch.from_numpy(np.rint((raw.astype(np.float64) + 1) * 7.5).astype(np.int64))

    def decode(self, x: Tensor) -> np.ndarray:
        return (x.numpy() / 7.5 - 1).astype(np.float32)

    def pack(self, raw: np.ndarray) -> bytes:
        return "".join(f"{value:.9g}\n" for value in raw.tolist()).encode()

    def conditions(self, raw: np.ndarray) -> Tensor | None:
        conditioner = SumsAhead()
        return torch.cat([conditioner.push(raw), conditioner.finish()])

    def conditioner(self) -> Any:
        return SumsAhead()

    def metrics(self, sequences: Any) -> dict[str, float]:
        return {"mean_level": float(torch.cat(list(sequences)).double().mean())}


class Disagrees(Levels):
    def spec(self, head: Head) -> SequenceSpec:
        return SequenceSpec(n_params=LEVELS + 1, n_classes=LEVELS, cond_channels=1)


class StartsOutside(Levels):
    def __init__(self) -> None:
        super().__init__()
        self.start = torch.tensor(LEVELS)


class EncodesToFloats(Levels):
    def encode(self, raw: np.ndarray) -> Tensor:
        return super().encode(raw).float()


class Creeps(Levels):
    """Every round trip raises the level by one."""

    def decode(self, x: Tensor) -> np.ndarray:
        return super().decode((x + 1).clamp_max(LEVELS - 1))


class CannotPlayTheTop(Levels):
    def decode(self, x: Tensor) -> np.ndarray:
        if len(x) < 1000 and bool((x == LEVELS - 1).any()):
            raise KeyError(LEVELS - 1)
        return super().decode(x)


class SwallowsTheEnd(Levels):
    """The decoder holds a symbol back and never gives it up."""

    def decoder(self) -> Decoder[np.ndarray]:
        outer = self

        class Holding(Decoder[np.ndarray]):
            held = torch.empty(0, dtype=torch.int64)

            def push(self, x: Tensor) -> np.ndarray:
                seen = torch.cat([self.held, x])
                self.held = seen[-1:]
                return outer.decode(seen[:-1])

            def finish(self) -> np.ndarray:
                return np.empty(0, np.float32)

        return Holding()


class HeaderOnEveryPiece(Levels):
    def stream_format(self) -> StreamFormat[np.ndarray]:
        outer = self

        class Repeating(StreamFormat[np.ndarray]):
            header = b""

            def pack(self, piece: np.ndarray) -> bytes:
                return b"LEVELS\n" + outer.pack(piece)

        return Repeating()


class SavesRounded(Levels):
    def save(self, raw: np.ndarray, path: Path) -> None:
        super().save(raw.round(), path)


class LeaksValueErrors(Levels):
    def load(self, path: Path) -> np.ndarray:
        return np.array([float(line) for line in path.read_text().split()], dtype=np.float32)


class OneRowShort(Levels):
    def conditions(self, raw: np.ndarray) -> Tensor | None:
        return SumsAhead().push(raw)


class PlaysThePrimeAgain(Levels):
    def annotated(
        self, raw: np.ndarray, cond: Tensor | None, prime: np.ndarray | None
    ) -> np.ndarray:
        return raw if prime is None else np.concatenate([prime, raw])


class ForgetsBetweenPieces(Levels):
    def conditioner(self) -> Any:
        class Forgetful(SumsAhead):
            def push(self, piece: np.ndarray) -> Tensor:
                fresh = SumsAhead()
                return torch.cat([fresh.push(piece), fresh.finish()])

        return Forgetful()


class LaterThanDeclared(Levels):
    """Right rows, all at the very end."""

    def conditioner(self) -> Any:
        class Late(SumsAhead):
            def push(self, piece: np.ndarray) -> Tensor:
                self.held = np.concatenate([self.held, piece])
                return torch.empty(0, 1)

            def finish(self) -> Tensor:
                whole = SumsAhead()
                return torch.cat([whole.push(self.held), whole.finish()])

        return Late()


class ConfigNotPlain(Levels):
    def __init__(self) -> None:
        super().__init__(FolderConfig())


class MetricsOfNothing(Levels):
    def metrics(self, sequences: Any) -> dict[str, float]:
        return {"spread": float("nan")}


class DrawsText(Levels):
    def picture(self, raw: np.ndarray, path: Path, title: str = "") -> None:
        path.write_text(title, encoding="ascii")


CAUGHT_BY: dict[type[Levels], str] = {
    Disagrees: "spec",
    StartsOutside: "start",
    EncodesToFloats: "symbols",
    Creeps: "round_trip",
    CannotPlayTheTop: "draws_decode",
    SwallowsTheEnd: "decoder",
    HeaderOnEveryPiece: "stream_format",
    SavesRounded: "files",
    LeaksValueErrors: "bad_files",
    OneRowShort: "conditions",
    PlaysThePrimeAgain: "annotated",
    ForgetsBetweenPieces: "conditioner",
    LaterThanDeclared: "conditioner",
    ConfigNotPlain: "config",
    MetricsOfNothing: "metrics",
    DrawsText: "picture",
}


def raw() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, 1_200).astype(np.float32)


class TestLevels(DomainContract):
    @pytest.fixture
    def domain(self) -> Levels:
        return Levels()

    @pytest.fixture
    def raw(self) -> np.ndarray:
        return raw()


@pytest.mark.parametrize("mutant", CAUGHT_BY, ids=lambda mutant: mutant.__name__)
def test_every_mutant_is_caught(mutant: type[Levels]) -> None:
    broken = broken_laws(DomainContract(), {"domain": partial(mutant), "raw": raw})
    assert CAUGHT_BY[mutant] in broken
    assert len(broken) <= 5


def test_every_law_can_fail() -> None:
    assert set(CAUGHT_BY.values()) == set(DomainContract.laws())

"""The chorales domain: pieces in four voices to symbols and back.

Dimensions: T steps of one sixteenth, C condition channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wavegen.domain import (
    Conditioner,
    Corpus,
    Decoder,
    Domain,
    Split,
    StreamFormat,
    TensorDecoder,
)
from wavegen.errors import ConfigError, DataError
from wavegen.heads import Categorical, Chain, Head
from wavegen.splitting import SplitName

from .annotation import annotated
from .announcing import GridConditioner
from .battery import summarize
from .conditions import Conditions
from .config import ChoralesConfig
from .corpus import gather, report
from .grid import UNKNOWN, ChoraleGrid, Flags
from .ngram import nats_per_note
from .plan import ChoralesPlan
from .planning import planned_rows
from .player import ChoralesPlayer
from .splits import Exercises, WholePieces, steps_of, transpositions

_CONTEXT, _HIDDEN = 128, 128
_RESTS = np.full((1, 4), -1, np.int8)


class ChoralesDomain(Domain[ChoraleGrid]):
    """Four voices; a symbol is one sixteenth of all of them, or of one where they are flat.

    Rests are the start symbol.
    """

    suffixes = ChoralesPlayer.suffixes
    default_seconds = ChoralesPlayer.default_seconds

    def __init__(self, config: ChoralesConfig) -> None:
        self.config: ChoralesConfig = config
        self._player = ChoralesPlayer(config)
        self.rate_hz = self._player.rate_hz
        self.n_classes = self._player.codec.n_classes
        """Classes of a note."""
        self._conditions = Conditions(config.conditions, self.n_classes)
        self.cond_channels = self._conditions.channels
        self.start_cond = torch.zeros(self.cond_channels)  # nothing is known
        self.start = self.encode(ChoraleGrid.of(_RESTS))[0]

    def head(self) -> Head:
        """The voices in turn, each seeing those already drawn: soprano, bass, alto, tenor."""
        note = Categorical(self.n_classes)
        if not self._player.event_shape:
            return note
        return Chain(note, 4, context=_CONTEXT, hidden=_HIDDEN)

    def prepare(
        self,
        sources: Sequence[str],
        cache: Path,
        *,
        valid: Sequence[str] = (),
        test: Sequence[str] = (),
    ) -> Corpus:
        """Read all pieces into memory; training has every transposition that can be sung."""
        codec = self._player.codec
        named: dict[SplitName, Sequence[str]] = {"train": sources, "valid": valid, "test": test}
        harvest = gather(named, self.config, codec, cache)
        train = transpositions(harvest.pieces("train"))
        return Corpus(
            domain=self,
            train=Exercises(train, codec, self._conditions, self.config.seed),
            valid=WholePieces(harvest.pieces("valid"), codec, self._conditions),
            test=WholePieces(harvest.pieces("test"), codec, self._conditions),
            report=report(harvest) | {"training_sequences": len(train)},
        )

    def load(self, path: Path) -> ChoraleGrid:
        """A piece in four voices, from MIDI, MusicXML or CSV."""
        return self._player.load(path)

    def save(self, raw: ChoraleGrid, path: Path) -> None:
        """MIDI, CSV, MusicXML, sound, piano roll or score, by the ending."""
        self._player.save(raw, path)

    def encode(self, raw: ChoraleGrid) -> Tensor:
        """A grid to events `(T, 4)` in drawing order, or flat `(4 T,)`."""
        return torch.from_numpy(self._player.encode(raw))

    def decode(self, x: Tensor) -> ChoraleGrid:
        """Events to a grid of which nothing but the notes is known."""
        return self._player.decode(x.cpu().numpy())

    def annotated(
        self, raw: ChoraleGrid, cond: Tensor | None, prime: ChoraleGrid | None
    ) -> ChoraleGrid:
        """The key, metre, fermatas and tempo that were asked for, or that the prime has."""
        rows = None if cond is None else cond.numpy()
        return annotated(raw, rows, prime, self._conditions)

    def conditions(self, raw: ChoraleGrid) -> Tensor | None:
        """What is known of a grid, `(T, C)`, with no note of it given; or None."""
        if not self.cond_channels:
            return None
        return torch.from_numpy(self._conditions.rows(raw))

    def told(self, grid: ChoraleGrid, given: Flags) -> Tensor:
        """The same `(T, C)` with the notes that `given` `(T, 4)` marks, for a model that takes any.

        Raises `DataError` for notes out of range.
        """
        events = self._player.codec.encode(grid)
        return torch.from_numpy(self._conditions.give(self._conditions.rows(grid), events, given))

    def conditioner(self) -> Conditioner[ChoraleGrid]:
        """The same while the piece arrives."""
        if not self.cond_channels:
            raise DataError("this model takes no conditions; train with domain.conditions")
        return GridConditioner(self._conditions)

    def decoder(self) -> Decoder[ChoraleGrid]:
        """Each step is playable at once."""
        return TensorDecoder(self._player.decoder())

    def stream_format(self) -> StreamFormat[ChoraleGrid]:
        """Lines of JSON, one a step."""
        return self._player.stream_format()

    def picture(self, raw: ChoraleGrid, path: Path, title: str = "") -> None:
        """A piano roll."""
        self._player.picture(raw, path, title)

    def plan_conditions(
        self, plan: ChoralesPlan | None, steps: int, begun: Tensor
    ) -> Tensor | None:
        """What a plan, or none, says of each new step `(steps, C)`; key and metre go on."""
        rows = planned_rows(plan or ChoralesPlan(), steps, begun.numpy(), self._conditions)
        return torch.from_numpy(rows)

    def bars(self, raw: ChoraleGrid, n: int) -> int:
        """Symbols of the first n full bars and of a pickup before them."""
        if n < 1:
            raise ConfigError(f"{n} bars; give 1 or more")
        pickup = int(-raw.pos[0] % raw.bar_steps) if len(raw) and raw.pos[0] != UNKNOWN else 0
        there_are = math.ceil((len(raw) - pickup) / raw.bar_steps)
        if n > there_are:
            raise ConfigError(f"{n} bars of the prime were asked for; it has only {there_are}")
        return min(len(raw), pickup + n * raw.bar_steps) * self._player.codec.symbols

    def baselines(self, train: Split, valid: Split) -> Mapping[str, float]:
        """The n-gram of six contexts, for the notes of a symbol together: four, or one if flat."""
        if not len(valid.names):
            return {}
        nats = nats_per_note(steps_of(train), steps_of(valid), self.n_classes)
        return {"n-gram": 4 / self._player.codec.symbols * nats / math.log(2)}

    def metrics(self, sequences: Sequence[Tensor]) -> dict[str, float]:
        """Mean length, and the means of the battery over the pieces that sound at all."""
        grids = [self.decode(x) for x in sequences]
        sounding = [grid for grid in grids if grid.attack.any()]
        means = {name: mean for name, (mean, _) in summarize(sounding).items()} if sounding else {}
        return {"mean_steps": float(np.mean([len(grid) for grid in grids])), **means}

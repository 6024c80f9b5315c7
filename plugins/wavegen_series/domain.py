"""The series domain: values at times to symbols and back.

Symbols are values in their own units, but for an offset and a unit (and a logarithm, if asked for)
that the config holds; NaN is missing. The model `forecaster` finds the units of each series.

Dimensions: T steps, N channels, E event shape, C condition channels, D static covariates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from wavegen.domain import Corpus, Decoder, Domain, Split, StreamFormat, TensorDecoder
from wavegen.errors import ConfigError, DataError
from wavegen.heads import Head
from wavegen.model import SequenceModel, SequenceSpec

from .conditions import rows_of, static_of
from .config import SeriesConfig
from .heads import head_of
from .naive import naive_bits
from .player import SeriesPlayer
from .series import Series


class SeriesDomain(Domain[Series]):
    """One series of N channels; a step counts as a second."""

    suffixes = SeriesPlayer.suffixes
    rate_hz = SeriesPlayer.rate_hz
    default_seconds = SeriesPlayer.default_seconds

    def __init__(self, config: SeriesConfig) -> None:
        self.config: SeriesConfig = config
        self._player = SeriesPlayer(config)
        self.cond_channels = config.cond_channels
        self.start_cond = torch.zeros(self.cond_channels)
        self.start = torch.full(self._player.event_shape, math.nan)

    def head(self) -> Head:
        """What the config says, in units that the model gives."""
        return head_of(self.config)

    def spec(self, head: Head) -> SequenceSpec:
        """Events are symbols, also where the head speaks of a whole horizon."""
        return replace(
            super().spec(head),
            event_shape=self._player.event_shape,
            static_channels=len(self.config.static),
        )

    def admit(self, model: SequenceModel[Any]) -> None:
        """Refuse a model that cannot read missing values, which every series begins with."""
        with torch.no_grad():
            static = torch.zeros(1, len(self.config.static)) if self.config.static else None
            cond = self.start_cond[None, None] if self.cond_channels else None
            params = model.forward(self.start[None, None], cond, static)
        if not bool(params.isfinite().all()):
            raise ConfigError(
                "series have missing values and units of their own, which this model cannot read; "
                "use --model forecaster, with --model.backbone NAME"
            )

    def prepare(
        self,
        sources: Sequence[str],
        cache: Path,
        *,
        valid: Sequence[str] = (),
        test: Sequence[str] = (),
    ) -> Corpus:
        """Read all series into memory, hold some of each out, and find what the config leaves."""
        from .preparing import prepare

        return prepare(self.config, sources, valid, test)

    def load(self, path: Path) -> Series:
        """The series of a file, which holds one."""
        return self._player.load(path)

    def save(self, raw: Series, path: Path) -> None:
        """A table, in the format of its ending."""
        self._player.save(raw, path)

    def encode(self, raw: Series) -> Tensor:
        """Values to symbols `(T, *E)`."""
        return torch.from_numpy(self._player.encode(raw))

    def decode(self, x: Tensor) -> Series:
        """Symbols to values at steps 0, 1, ..."""
        return self._player.decode(x.cpu().numpy())

    def annotated(self, raw: Series, cond: Tensor | None, prime: Series | None) -> Series:
        """The times go on from those of the prime."""
        if prime is None:
            return raw
        from .tables.times import future

        n, whole = len(raw), len(prime)
        time = prime.time[:n]
        if n > whole:
            known = replace(prime, time=prime.time[:whole], known=prime.known[:whole])
            time = np.concatenate([time, future(known, n - whole)])
        return replace(raw, name=prime.name, time=time)

    def conditions(self, raw: Series) -> Tensor | None:
        """What is known of each step `(T', C)`, those of a known future included; or None."""
        return torch.from_numpy(rows_of(raw, self.config)) if self.cond_channels else None

    def plan_conditions(self, plan: Any, steps: int, begun: Tensor) -> Tensor | None:
        """Usual steps of which nothing else is told; None where more has to be known."""
        if self.config.known or self.config.calendar:
            return None
        return torch.zeros(steps, self.cond_channels)

    def static_vector(self, raw: Series) -> Tensor | None:
        """The static covariates `(D,)` of a series, or None where there are none."""
        return torch.from_numpy(static_of(raw, self.config)) if self.config.static else None

    def conditioner(self) -> NoReturn:
        """A series that arrives has no row of its next step yet."""
        raise DataError("a series with conditions cannot be followed; use wavegen forecast")

    def decoder(self) -> Decoder[Series]:
        """Each symbol is a value at once."""
        return TensorDecoder(self._player.decoder())

    def stream_format(self) -> StreamFormat[Series]:
        """Lines of CSV."""
        return self._player.stream_format()

    def picture(self, raw: Series, path: Path, title: str = "") -> None:
        """Values over time."""
        self._player.picture(raw, path, title)

    def baselines(self, train: Split, valid: Split) -> Mapping[str, float]:
        """The last value, with what usually comes on top of it."""
        return naive_bits(train, valid, self.config) if len(valid.names) else {}

    def metrics(self, sequences: Sequence[Tensor]) -> dict[str, float]:
        """Length, mean, deviation and the correlation of neighbours, means over the sequences."""
        values = [self.decode(x).values for x in sequences]
        return {
            "mean_steps": float(np.mean([len(v) for v in values])),
            "mean": float(np.mean([np.nanmean(v) for v in values])),
            "standard_deviation": float(np.mean([np.nanstd(v) for v in values])),
            "neighbour_correlation": float(np.mean([_correlation(v) for v in values])),
        }


def _correlation(values: np.ndarray) -> float:
    """Of neighbours, mean over channels; 0 where nothing changes."""
    away = values - np.nanmean(values, axis=0)
    both, size = np.nanmean(away[1:] * away[:-1], axis=0), np.nanmean(away**2, axis=0)
    return float(np.mean(np.where(size > 0, both / np.maximum(size, 1e-300), 0.0)))

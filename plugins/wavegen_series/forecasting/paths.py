"""Sample paths of many series, all of them voices of one batch; and gaps, filled from such paths.

Dimensions: S paths, T steps of the context, H steps of the horizon, E event shape, C condition
channels, D static channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wavegen import state as trees
from wavegen.controls import Controls
from wavegen.engines.drawing import draw
from wavegen.engines.engine import Voice
from wavegen.playing import TrainedModel


@dataclass(frozen=True)
class Told:
    """A series as a model takes it in."""

    name: str
    x: Tensor
    """`(T, *E)`; NaN is missing."""
    cond: Tensor | None
    """`(T + H, C)`: of the steps that are known, and of those to come."""
    static: Tensor | None
    """`(D,)`"""


def seeds(name: str, seed: int, n: int) -> range:
    """Of n paths of a series: they depend on its name, not on which other series there are."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    first = int.from_bytes(digest[:7])
    return range(first, first + n)


def sample_paths(
    model: TrainedModel,
    series: Sequence[Told],
    horizon: int,
    n_samples: int,
    seed: int,
    controls: Controls,
) -> list[Tensor]:
    """`(S, H, *E)` after each series. Each is read once, whatever the number of its paths."""

    def voices() -> Iterator[tuple[Voice, Tensor | None]]:
        for told in series:
            voice, ahead = _primed(model, told, len(told.x), controls)
            for own in seeds(told.name, seed, n_samples):
                yield replace(voice, seed=own), None if ahead is None else ahead[:horizon]

    blocks = [symbols for symbols, _ in draw(model.engine, voices(), horizon)]
    return list(torch.cat(blocks).split(n_samples))


def fill_gaps(
    model: TrainedModel, told: Told, n_samples: int, seed: int, controls: Controls
) -> Tensor:
    """`(S, T, *E)`: the series with each missing value drawn given the past of its path.

    What is known stays. Where part of an event is known, the whole event is drawn and that part
    put in its place.
    """
    x = told.x
    absent = torch.isnan(x.reshape(len(x), -1))
    paths = x.expand(n_samples, *x.shape).clone()
    first = _first(absent.any(1), 0)
    if first == len(x):
        return paths
    voice, ahead = _primed(model, told, first, controls)
    company = [replace(voice, seed=own) for own in seeds(told.name, seed, n_samples)]
    at = first
    while at < len(x):
        whole = _first(~absent[at:].all(1), at)  # nothing is known until there
        n = max(whole - at, 1) if bool(absent[at].any()) else 0
        if n:
            rows = None if ahead is None else ahead[at - first : at - first + n]
            drawn, company = _advanced(model, company, rows, n)
            known = ~torch.isnan(x[at : at + n])
            paths[:, at : at + n] = torch.where(known, x[at : at + n], drawn)
            last = paths[:, at + n - 1]
            company = [
                replace(voice, last=row[None]) for voice, row in zip(company, last, strict=True)
            ]
        else:
            n = _first(absent[at:].any(1), at) - at
            rows = None if ahead is None else ahead[at - first : at - first + n]
            company = _read(model, company, x[at : at + n], rows)
        at += n
    return paths


def _primed(
    model: TrainedModel, told: Told, n: int, controls: Controls
) -> tuple[Voice, Tensor | None]:
    """A voice after the first n steps, and the conditions of all that follow."""
    rows = None if told.cond is None else told.cond[:n]
    voice = model.primed(told.x[:n], rows, told.static, controls)
    return voice, None if told.cond is None else told.cond[n:]


def _advanced(
    model: TrainedModel, company: Sequence[Voice], rows: Tensor | None, n: int
) -> tuple[Tensor, list[Voice]]:
    """The next n steps of all, which share their conditions `(n, C)`."""
    blocks = list(draw(model.engine, ((voice, rows) for voice in company), n))
    return torch.cat([drawn for drawn, _ in blocks]), [v for _, after in blocks for v in after]


def _read(
    model: TrainedModel, company: Sequence[Voice], x: Tensor, rows: Tensor | None
) -> list[Voice]:
    """All voices after one and the same symbols `(n, *E)`, taken in together."""
    n_voices = len(company)
    device = model.device
    given = x.to(device).expand(n_voices, *x.shape)
    lasts = torch.cat([voice.last for voice in company])[:, None]
    cond = None if rows is None else rows.to(device).expand(n_voices, -1, -1)
    with torch.inference_mode():
        state = trees.merge([voice.state for voice in company])
        _, state = model.model.prefill(torch.cat([lasts, given[:, :-1]], 1), state, cond)
        return [
            replace(
                voice,
                state=trees.select(state, [row]),
                last=given[row, -1:].clone(),
                position=voice.position + len(x),
            )
            for row, voice in enumerate(company)
        ]


def _first(flags: Tensor, offset: int) -> int:
    """`offset` and the index of the first that is set; past the last one where none is."""
    found = flags.nonzero()
    return offset + (int(found[0]) if len(found) else len(flags))

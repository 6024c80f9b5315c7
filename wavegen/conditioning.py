"""Where a sequence's conditions come from, and what a model makes of them before its steps.

Dimensions: T steps, L steps of the lead-in but its first, C condition channels, C' those of a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .domain import Conditioner, Domain
from .errors import ConfigError, DataError
from .model import SequenceModel


@dataclass(frozen=True)
class Given:
    """What a sequence begins with, as a model takes it; it may be given in place of a raw prime."""

    x: Tensor
    """Symbols `(T, *E)`."""
    cond: Tensor | None
    """Their conditions `(T, C)`, where the model takes any."""

    def first(self, n: int) -> Given:
        """Of it the first n steps."""
        return Given(self.x[:n], None if self.cond is None else self.cond[:n])


class Conditioning:
    """The conditions of one model's sequences."""

    def __init__(
        self,
        model: SequenceModel[Any],
        domain: Domain[Any],
        lead_in: int,
        device: torch.device,
    ) -> None:
        self._model, self._domain, self._device = model, domain, device
        self._n_lead = lead_in - 1

    def followed(self, raw: Any) -> Tensor | None:
        """Conditions `(T, C)` of a recording that is spoken anew."""
        self.need(True)
        return self._domain.conditions(raw)

    def planned(self, plan: Any, steps: int | None, given: Given) -> Tensor | None:
        """Conditions `(T, C)` of a new sequence that begins with what is given.

        None where C is 0.
        """
        domain = self._domain
        if not domain.cond_channels:
            if plan is not None:
                raise ConfigError(
                    "nothing can be asked of this model: it was trained without per-step conditions"
                )
            return None
        begun = domain.start_cond[None][:0] if given.cond is None else given.cond
        rows = domain.plan_conditions(plan, max(0, (steps or 0) - len(begun)), begun)
        self.need(rows is not None)
        if steps is None:
            raise ConfigError("how long? give seconds or steps")
        return None if rows is None else torch.cat([begun, rows])

    def ahead(self, cond: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """What steps take in the lead-in `(L, C')` and after it `(T, C')`, from all `(T, C)`."""
        if cond is None:
            return None, None
        start = self._domain.start_cond.expand(self._n_lead, -1)
        if not self._model.looks_ahead:
            return start, cond
        with torch.no_grad():
            rows = self._model.look_ahead(torch.cat([start, cond])[None].to(self._device))[0].cpu()
        return rows[: self._n_lead], rows[self._n_lead :]

    @property
    def looks_ahead(self) -> bool:
        """Whether the rows of steps depend on all conditions of the sequence."""
        return self._model.looks_ahead

    @cached_property
    def n_of_step(self) -> int:
        """C': condition channels of a step; 0 is none."""
        rows = self.of_no_sequence()
        return 0 if rows is None else rows.shape[1]

    def of_no_sequence(self) -> Tensor | None:
        """What steps take in the lead-in `(L, C')` where nothing is known yet; None if C is 0."""
        none = self._domain.start_cond[None][:0] if self._domain.cond_channels else None
        return self.ahead(none)[0]

    def arriving(self, pieces: Iterable[Any]) -> tuple[Tensor | None, Rows]:
        """The lead-in's rows, and those of a recording as it arrives.

        A model that looks ahead takes it in whole first.
        """
        self.need(True)
        blocks = _arriving(self._domain.conditioner(), pieces)
        if not self._model.looks_ahead:
            return self.of_no_sequence(), Rows(blocks)
        lead, cond = self.ahead(torch.cat(list(blocks)))
        assert cond is not None
        return lead, Rows([cond])

    def need(self, given: bool) -> None:
        """Refuse conditions that are missing, or that the model has no use for."""
        needed = self._domain.cond_channels > 0
        if needed and not given:
            raise ConfigError(
                "this model speaks a recording anew; give one to follow (--condition-from)"
            )
        if given and not needed:
            raise ConfigError(
                "there is nothing to follow: this model was trained without per-step conditions"
            )


class Rows:
    """Conditions `(T, C)` that come in blocks, to be taken in any pieces."""

    def __init__(self, blocks: Iterable[Tensor]) -> None:
        self._blocks = iter(blocks)
        self._held = torch.empty(0)

    def some(self, most: int) -> Tensor:
        """What there is, `most` rows at most; none once the blocks have ended."""
        while len(self._held) == 0:
            block = next(self._blocks, None)
            if block is None:
                break
            self._held = block
        taken, self._held = self._held[:most], self._held[most:]
        return taken

    def rest(self) -> Tensor:
        """All that are left, once the blocks have ended."""
        blocks = [self._held, *self._blocks]
        left = [block for block in blocks if len(block)] or blocks[-1:]
        # Not copied where it is one: many streams may share what was planned once.
        return left[0] if len(left) == 1 else torch.cat(left)

    def exactly(self, n: int) -> Tensor:
        """The next n rows."""
        taken: list[Tensor] = []
        while (missing := n - sum(map(len, taken))) > 0:
            if len(rows := self.some(missing)) == 0:
                raise DataError(
                    f"the recording to follow ends {missing} steps before the prime does; use less "
                    "of the prime"
                )
            taken.append(rows)
        return torch.cat(taken)


def _arriving(conditioner: Conditioner[Any], pieces: Iterable[Any]) -> Iterator[Tensor]:
    """Conditions of a recording, as far as it has arrived."""
    for piece in pieces:
        yield conditioner.push(piece)
    yield conditioner.finish()

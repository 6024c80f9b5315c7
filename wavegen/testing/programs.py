"""Programs run over given inputs: what the laws compare steps and draws with.

Dimensions: B batch, T time, E event shape, P head parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from .. import state as trees
from ..controls import Controls
from ..engines.arena import StateLayout
from ..heads import Filter, Head
from ..model import SequenceModel, SequenceSpec
from ..native import library
from ..program.export import LoweringError
from ..program.lowering import lower
from ..program.program import Program
from .inputs import Inputs


def program_of(
    model: SequenceModel[Any], head: Head | None = None, filters: Sequence[Filter] = ()
) -> Program:
    """The model's program, or a skipped test that says why there is none."""
    try:
        library.builds()
        return lower(model, head, filters)
    except library.NativeUnavailable as reason:
        pytest.skip(str(reason))
    except LoweringError as reason:
        pytest.skip(f"only the torch engine plays it: {reason}")


def run_program(program: Program, given: Inputs, state: Any) -> tuple[Tensor, Any]:
    """The parameters `(B, T, P)` of all steps, and the state after them; `state` stays as it is."""
    batch, n_steps = given.x.shape[:2]
    native, layout = library.Program(program.to_bytes()), StateLayout(program.header)
    params = np.empty((batch, n_steps, program.header["n_params"]), np.float32)
    slots = [
        library.Slot(
            state=layout.pack(trees.select(state, [row])),
            event=_events(given.x[row, :1], native),
            # The last step's event is never looked at.
            given=_events(torch.cat([given.x[row, 1:], given.x[row, :1]]), native),
            cond=None if given.cond is None else given.cond[row].contiguous().numpy(),
            params=params[row],
        )
        for row in range(batch)
    ]
    native.runner().advance(slots, n_steps)
    after = [layout.unpack(slot.state, trees.select(state, [0])) for slot in slots]
    return torch.from_numpy(params), trees.merge(after)


class Prompted(SequenceModel[Tensor]):
    """A model whose conditions are the head's parameters, so that a program is only the draw."""

    receptive_field = None

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.spec = SequenceSpec(
            head.n_params, head.n_classes, head.event_shape, cond_channels=head.n_params
        )

    def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
        """A clock, for a state needs something."""
        return torch.zeros(batch, dtype=torch.int64)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """What it is told."""
        assert cond is not None
        return cond

    def step(self, x: Tensor, state: Tensor, cond: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What it is told."""
        assert cond is not None
        return cond, state + 1


def run_draws(program: Program, params: Tensor, seed: int, controls: Controls) -> Tensor:
    """The events `(T, *E)` that a program of `Prompted` draws after zeros, from `(T, P)`."""
    native = library.Program(program.to_bytes())
    size = program.header["event"]["size"]
    events = np.empty((len(params), size), native.event_type)
    slot = library.Slot(
        state=StateLayout(program.header).pack(torch.zeros(1, dtype=torch.int64)),
        event=np.zeros(size, native.event_type),
        seed=seed,
        controls=controls,
        cond=params.contiguous().numpy(),
        events=events,
    )
    native.runner().advance([slot], len(params))
    return torch.from_numpy(events)


def _events(x: Tensor, program: library.Program) -> np.ndarray:
    """Events `(T, *E)` as the core takes them: `(T, size)` in memory of their own."""
    return np.array(x.reshape(len(x), -1).numpy(), program.event_type)

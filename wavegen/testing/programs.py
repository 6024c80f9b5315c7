"""A model's program, run over given inputs: what the laws compare its steps with.

Dimensions: B batch, T time, P head parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from .. import state as trees
from ..engines.arena import StateLayout
from ..model import SequenceModel
from ..native import library
from ..program.export import LoweringError
from ..program.lowering import lower
from ..program.program import Program
from .inputs import Inputs


def program_of(model: SequenceModel[Any]) -> Program:
    """The model's program, or a skipped test that says why there is none."""
    try:
        library.builds()
        return lower(model)
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


def _events(x: Tensor, program: library.Program) -> np.ndarray:
    """Events `(T, *E)` as the core takes them: `(T, size)` in memory of their own."""
    return np.array(x.reshape(len(x), -1).numpy(), program.event_type)

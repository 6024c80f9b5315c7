"""Export: a model's step, filters and draw as one graph of ATen operations and bricks.

Dimensions: B batch, U uniforms, E event shape, C condition channels.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from ..controls import Controls
from ..errors import ProgramError
from ..heads import Filter, Head, draw_event
from ..model import SequenceModel
from ..sampling import ControlBatch


class LoweringError(ProgramError):
    """A step that has no program; the message says in one line what stands in the way.

    Below `lower` it is the rest of a sentence that begins with the name of the step.
    """


class _Step(nn.Module):
    """`(event, state, cond, noise, *controls)` to `(params, drawn event or nothing, state)`."""

    def __init__(
        self, model: SequenceModel[Any], head: Head | None, filters: Sequence[Filter]
    ) -> None:
        super().__init__()
        self.model, self.head, self.filters = model, head, tuple(filters)

    def forward(
        self,
        event: Tensor,
        state: Any,
        cond: Tensor | None,
        noise: Tensor | None,
        controls: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    ) -> Any:
        """One step; every control is on, since a program decides that voice by voice."""
        params, state = self.model.step(event, state, cond)
        if self.head is None or noise is None:
            return params, None, state
        all_on = ControlBatch(*controls, truncates=True)
        return params, draw_event(self.head, params, noise, all_on, self.filters, event), state


def export_step(
    model: SequenceModel[Any],
    head: Head | None = None,
    filters: Sequence[Filter] = (),
    batch: int = 1,
) -> ExportedProgram:
    """A graph without side effects; with no head it ends at the parameters.

    Raises `LoweringError` where `torch.export` cannot follow the step.
    """
    spec = model.spec
    event = torch.zeros((batch, *spec.event_shape), dtype=_event_type(spec.n_classes))
    n_cond = step_cond_channels(model)
    cond = torch.zeros(batch, n_cond) if n_cond else None
    noise = None if head is None else torch.full((batch, head.n_uniforms), 0.5)
    controls = ControlBatch.of([Controls()] * batch)[:-1]
    step = _Step(model, head, filters)
    was_training = model.training
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, about its own deprecations
            state = fresh_state(model.eval(), batch)
            exported = torch.export.export(
                step, (event, state, cond, noise, controls), strict=False
            )
            return exported.run_decompositions()
    except Exception as error:  # whatever a step may do, from a traced branch to a bug in it
        reason = " ".join(str(error).split("\n\n")[0].split())
        raise LoweringError(
            f"cannot be exported ({type(error).__name__}: {reason:.300})"
        ) from error
    finally:
        model.train(was_training)


def step_cond_channels(model: SequenceModel[Any]) -> int:
    """Channels of the condition that a step takes; 0 is none."""
    own = model.step_cond_channels
    return model.spec.cond_channels if own is None else own


def fresh_state(model: SequenceModel[Any], batch: int = 1) -> Any:
    """A state of the shapes and types that every voice of the model has."""
    spec, static = model.spec, None
    if spec.static_classes:
        static = torch.zeros(batch, dtype=torch.int64)
    elif spec.static_channels:
        static = torch.zeros(batch, spec.static_channels)
    with torch.no_grad():
        return model.init_state(batch, static)


def _event_type(n_classes: int | None) -> torch.dtype:
    return torch.float32 if n_classes is None else torch.int64

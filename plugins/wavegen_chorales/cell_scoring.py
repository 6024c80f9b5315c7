"""What a model says of every cell of given pieces, each told all the cells before it, and no more.

Dimensions: B pieces of one length, T steps, N values of an event, K classes, R rows of B times T,
P head parameters, k values already drawn.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wavegen.controls import Controls
from wavegen.heads import Head
from wavegen.playing import TrainedModel
from wavegen.sampling import ControlBatch

_RULED_OUT = -1e30


def cell_logits(model: TrainedModel, x: Tensor) -> Tensor:
    """Logits `(B, T, N, K)` of the cells of steps `(B, T, N)`, in float32 on the CPU.

    A model of flat sequences gets them note after note.

    Every piece begins anew. A model with conditions gets those of a piece of which nothing is
    known, so nothing that lies ahead can help it.
    """
    start, n_lead = model.domain.start, model.lead_in
    own = x.reshape(len(x), -1, *start.shape)
    events = torch.cat([start.expand(len(x), n_lead, *start.shape), own], 1).to(model.device)
    with torch.inference_mode():
        cond = None
        if model.domain.cond_channels:
            unknown = model.domain.start_cond.to(model.device)
            cond = model.model.look_ahead(unknown.expand(len(x), events.shape[1] - 1, -1))
        params = model.model.tail(events[:, :-1], own.shape[1], cond).flatten(0, 1)
        logits = _told(model.head, params, events[:, n_lead:].reshape(len(params), -1))
    return logits.reshape(*x.shape, -1).cpu()


def _told(head: Head, params: Tensor, x: Tensor) -> Tensor:
    """Logits `(R, N, K)` from parameters `(R, P)`, each value seeing the true ones `(R, N)`.

    The head draws, all but the truth is ruled out, and what it drew from before is kept: so this
    works for every head that draws classes.
    """
    kept: list[Tensor] = []

    def to_truth(logits: Tensor, drawn: Tensor) -> Tensor:
        kept.append(logits.float())
        truth = x[:, drawn.shape[1], None]
        return torch.full_like(logits, _RULED_OUT).scatter(1, truth, 0.0)

    noise = torch.full((len(x), head.n_uniforms), 0.5, device=x.device)
    head.draw_filtered(params, noise, ControlBatch.of([Controls()] * len(x), x.device), to_truth)
    return torch.stack(kept, 1)

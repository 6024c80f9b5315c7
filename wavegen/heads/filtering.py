"""Filters: what may change the parameters of each value right before it is drawn.

Dimensions: B batch, P head parameters, p parameters of one value, k values already drawn,
U uniforms of one draw, E event shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from ..sampling import ControlBatch
from .head import Head

Filter = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`(params (B, p), previous event (B, *E), drawn (B, k)) -> params (B, p)`.

It is applied to each value of an event. `drawn` holds those already drawn, in drawing order; where
a head draws all of an event at once, p = P and k = 0.
"""


def draw_event(
    head: Head,
    params: Tensor,
    noise: Tensor,
    controls: ControlBatch,
    filters: Sequence[Filter],
    previous: Tensor,
) -> Tensor:
    """The event `(B, *E)` that follows `previous`, from params `(B, P)` and noise `(B, U)`."""
    if not filters:
        return head.draw(params, noise, controls)

    def change(own: Tensor, drawn: Tensor) -> Tensor:
        for one in filters:
            own = one(own, previous, drawn)
        return own

    return head.draw_filtered(params, noise, controls, change)

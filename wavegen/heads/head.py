"""The contract of a head: what the P numbers of a step mean.

Dimensions: B batch, P head parameters, p parameters of one value, k values already drawn,
U uniforms of one draw, E event shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..controls import Controls
from ..errors import ConfigError
from ..sampling import ControlBatch

Change = Callable[[Tensor, Tensor], Tensor]
"""`(params (B, p) of the value to be drawn, drawn (B, k)) -> params (B, p)`; `drawn` holds the
values of the event that are drawn already, in drawing order.
"""


class Head(nn.Module, ABC):
    """p(event | params), for one event a step.

    Parameters are unconstrained numbers; the head itself maps them to legal ones. A head owns no
    generator: `draw` is a function of the uniforms that it is given.
    """

    n_params: int
    """P: how many numbers the model must give for each step."""
    event_shape: tuple[int, ...] = ()
    """E: `()` for one symbol a step, `(4,)` for four values a step."""
    n_classes: int | None = None
    """Number of classes of a discrete symbol (int64); None where symbols are real (float32)."""
    n_uniforms: int = 1
    """U: how many uniforms one draw uses up."""

    @property
    def draws_classes(self) -> bool:
        """Whether a value is drawn as one of several classes, so that top_k and its like apply."""
        return self.n_classes is not None

    @abstractmethod
    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """-log p in nats: `(..., P)`, `(..., *E)` to `(...)`, in float32 or better.

        A value that is missing (NaN, or class -1) costs nothing, and no gradient comes of it; the
        others of its event cost what they do.
        """

    @abstractmethod
    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """Draw events: `(B, P)`, noise `(B, U)` strictly inside (0, 1), to `(B, *E)`."""

    def draw_filtered(
        self, params: Tensor, noise: Tensor, controls: ControlBatch, change: Change
    ) -> Tensor:
        """`draw`, with `change` applied to the parameters of each value right before it is drawn.

        Here all values of an event are drawn at once: p = P and k = 0. A head that draws them one
        after the other overrides this.
        """
        return self.draw(
            change(params, self.none_drawn(len(params), params.device)), noise, controls
        )

    def none_drawn(self, batch: int, device: torch.device) -> Tensor:
        """`(B, 0)` values of an event of which none is drawn yet."""
        kind = torch.float32 if self.n_classes is None else torch.int64
        return torch.empty((batch, 0), dtype=kind, device=device)

    def admit(self, controls: Controls) -> None:
        """Raise `ConfigError` where `controls` ask for what this head cannot do."""
        if not self.draws_classes and controls.truncates:
            raise ConfigError(
                "top_k, top_p, min_p and typical_p choose among classes, but "
                f"{type(self).__name__} draws real numbers; only temperature applies to it"
            )

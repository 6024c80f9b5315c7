"""Plain numbers instead of a distribution: for models that forecast a whole horizon at once.

Dimensions: B batch, H horizon; P = H.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from ..sampling import ControlBatch
from .head import Head
from .missing import filled

Loss = Literal["squared", "absolute"]


class Point(Head):
    """The next H values as H numbers; every draw of them is the same.

    It has no distribution: its nats are the mean squared or the mean absolute error over the
    horizon, so bits mean that loss over log 2 and nothing more. (The squared error is the nll of a
    Gaussian of variance 1/2, up to a constant.)
    """

    def __init__(self, horizon: int, loss: Loss = "squared") -> None:
        super().__init__()
        if horizon < 1 or loss not in get_args(Loss):
            raise ValueError(
                f"a point forecast has 1 or more steps and the loss squared or absolute, "
                f"got {horizon} and {loss!r}"
            )
        self.loss = loss
        self.n_params = horizon
        self.event_shape = (horizon,)

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """The mean error over the horizon, `(..., H)` to `(...)`; a missing value counts as met."""
        x, absent = filled(x.float())
        apart = (params.float() - x).masked_fill(absent, 0)
        return (apart.square() if self.loss == "squared" else apart.abs()).mean(-1)

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """The numbers themselves, whatever the noise and the temperature."""
        return params.float()

    def extra_repr(self) -> str:
        """Shown by `print(model)`."""
        return f"horizon={self.n_params}, loss={self.loss}"

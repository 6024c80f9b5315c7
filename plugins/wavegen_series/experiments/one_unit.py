"""The smallest net of the table: one recurrent unit, whose own value is the forecast."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from wavegen.model import SequenceModel


class _NoReadout(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(1, 1))  # tells the device and the type

    def forward(self, h: Tensor) -> Tensor:
        return h


def without_readout(model: SequenceModel[Any]) -> SequenceModel[Any]:
    """A recurrent net of one unit with 3 parameters, as in Keras; a readout would add 2."""
    model.register_module("output", _NoReadout())
    return model

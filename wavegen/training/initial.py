"""First weights as Keras draws them, for comparisons with what was published with it."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..layers.recurrent_cells import GatedCell


@torch.no_grad()
def keras_style(model: nn.Module) -> None:
    """Uniform weights after Glorot and Bengio 2010, orthogonal ones of a state, no biases.

    A weight's sides are its last two dimensions, so that stacked layers are drawn each by itself;
    the taps of a convolution count among its inputs, where Keras counts them on both sides. All
    gates of a recurrent cell are one matrix with orthogonal rows. The gains of norms, and the
    forget bias of 1 that our LSTM shares with Keras, stay.
    """
    for module in model.modules():
        is_cell = isinstance(module, GatedCell)
        for name, weight in module.named_parameters(recurse=False):
            if is_cell and name == "state_weight":
                nn.init.orthogonal_(weight)
            elif name.endswith("bias") and not (is_cell or isinstance(module, nn.LayerNorm)):
                weight.zero_()
            elif weight.dim() >= 2:
                bound = math.sqrt(6 / (weight.shape[-1] + weight.shape[-2]))
                weight.uniform_(-bound, bound)

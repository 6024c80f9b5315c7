"""First weights as Keras draws them, for comparisons with what was published with it."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..layers.recurrent_cells import GatedCell


@torch.no_grad()
def keras_style(model: nn.Module) -> None:
    """Uniform weights after Glorot and Bengio 2010, no biases; recurrent ones stay orthogonal.

    A weight's sides are its last two dimensions, so that stacked layers are drawn each by itself;
    the taps of a convolution count among its inputs, where Keras counts them on both sides. The
    gains of norms, and the forget bias of 1 that our LSTM shares with Keras, stay.
    """
    for module in model.modules():
        kept = ("state_weight", "bias") if isinstance(module, GatedCell) else ()
        for name, weight in module.named_parameters(recurse=False):
            if name in kept:
                continue
            if name.endswith("bias") and not isinstance(module, nn.LayerNorm):
                weight.zero_()
            elif weight.dim() >= 2:
                bound = math.sqrt(6 / (weight.shape[-1] + weight.shape[-2]))
                weight.uniform_(-bound, bound)

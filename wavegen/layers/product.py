"""Matrix products at the rate the machine has, in one place.

On a CPU, float32 products of the matrix library run at half the rate of the convolution library
(AVX2 against AVX-512 on AMD processors), whenever more than one thread is used. So there a
product is written as a 1x1 convolution over rows, and by that reaches the faster kernels.

Dimensions: N rows, K inputs, O outputs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def product(a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`(N, K) @ (K, O) + (O,)`, differentiable."""
    is_float32 = a.dtype == torch.float32 and not torch.is_autocast_enabled(a.device.type)
    if a.device.type == "cpu" and is_float32 and torch.get_num_threads() > 1 and len(a) > 64:
        image = a.view(1, 1, *a.shape).permute(0, 3, 1, 2)
        out = F.conv2d(image, weight.t()[:, :, None, None], bias)
        return out.permute(0, 2, 3, 1).view(len(a), -1)
    return F.linear(a, weight.t(), bias)

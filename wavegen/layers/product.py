"""Matrix products at the rate the machine has, in one place.

On a CPU with more than one thread, float32 products of the matrix library run at about half the
rate of the convolution library (AVX2 against AVX-512 on AMD processors). There a product is
written as a 1x1 convolution over rows, which reaches the faster kernels.

Dimensions: N rows, K inputs, O outputs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

_MANY_ROWS = 64  # for fewer, as in a step, there is nothing to gain


def product(a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`(N, K) @ (K, O) + (O,)`, differentiable."""
    if _convolves(a):
        out = F.conv2d(_image(a), weight.t()[:, :, None, None], bias)
        return out.permute(0, 2, 3, 1).reshape(len(a), -1)
    return F.linear(a, weight.t(), bias)


def outer(a: Tensor, g: Tensor) -> Tensor:
    """`(N, K)^T @ (N, O)`: the gradient `(K, O)` of the weight of a product."""
    if _convolves(a):
        shape = (g.shape[1], a.shape[1], 1, 1)
        return conv2d_weight(_image(a), shape, _image(g))[:, :, 0, 0].t()
    return a.t() @ g


def _convolves(a: Tensor) -> bool:
    if torch.compiler.is_compiling():  # the compiler chooses, and cannot ask for threads
        return False
    is_plain = a.dtype == torch.float32 and a.device.type == "cpu"
    is_large = len(a) > _MANY_ROWS and torch.get_num_threads() > 1
    return is_plain and is_large and not torch.is_autocast_enabled("cpu")


def _image(a: Tensor) -> Tensor:
    """Rows `(N, K)` as an image `(1, K, 1, N)` whose channels lie innermost, without a copy."""
    return a.contiguous().view(1, 1, *a.shape).permute(0, 3, 1, 2)

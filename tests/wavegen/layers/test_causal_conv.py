"""A causal convolution against the sum it stands for, and against its own steps.

Dimensions: B batch, T steps, K taps, I inputs, O outputs.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wavegen.layers.causal_conv import CausalConv
from wavegen.layers.weight_norm import WeightNorm

B, T, I, O = 2, 15, 3, 4  # noqa: E741

SHAPES = [(2, 1), (2, 5), (3, 2), (4, 20)]


def conv(kernel: int, dilation: int, weight_norm: bool = False) -> CausalConv:
    torch.manual_seed(0)
    made = CausalConv(I, O, kernel, dilation, weight_norm)
    with torch.no_grad():
        made.bias.normal_()
    return made


def definition(module: CausalConv, h: Tensor) -> Tensor:
    weight = module.weight.unflatten(0, (module.kernel, I))
    out = module.bias[:, None].expand(B, O, h.shape[2]).clone()
    for t in range(h.shape[2]):
        for k in range(module.kernel):
            if t - k * module.dilation >= 0:
                out[..., t] += h[..., t - k * module.dilation] @ weight[k]
    return out


@pytest.mark.parametrize("weight_norm", [False, True])
@pytest.mark.parametrize(("kernel", "dilation"), SHAPES)
def test_it_is_the_sum_over_its_taps(kernel: int, dilation: int, weight_norm: bool) -> None:
    module, h = conv(kernel, dilation, weight_norm), torch.randn(B, I, T)
    wanted = definition(module, h)
    for keep in (1, 6, T):
        torch.testing.assert_close(module(h, keep), wanted[..., -keep:])


@pytest.mark.parametrize(("kernel", "dilation"), SHAPES)
def test_it_goes_on_from_its_past(kernel: int, dilation: int) -> None:
    module, h = conv(kernel, dilation), torch.randn(B, I, T)
    silence = torch.zeros(B, I, module.reach)
    seen = torch.cat([silence, h], 2)
    wanted = module(h, T)
    for begun in (0, 1, 9):
        past = seen[..., begun : begun + module.reach]
        torch.testing.assert_close(module(h[..., begun:], T - begun, past), wanted[..., begun:])


@pytest.mark.parametrize(("kernel", "dilation"), SHAPES)
def test_a_step_is_the_last_of_many(kernel: int, dilation: int) -> None:
    module, h = conv(kernel, dilation), torch.randn(B, I, 61)
    lags = [k * dilation for k in range(1, kernel)]
    past = torch.stack([h[..., -1 - lag] for lag in lags], 1)
    torch.testing.assert_close(module.step(h[..., -1], past), module(h, 1)[..., 0])


def test_weight_norm_is_that_of_torch() -> None:
    v, g = torch.randn(6, 4), torch.randn(1, 4)
    wanted = torch._weight_norm(v, g, 1)  # Salimans and Kingma 2016, one length for each output
    torch.testing.assert_close(WeightNorm()(g, v), wanted)
    length, direction = WeightNorm().right_inverse(v)
    torch.testing.assert_close(WeightNorm()(length, direction), v)

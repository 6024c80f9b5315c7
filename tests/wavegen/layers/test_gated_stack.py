"""The fast residual stack equals the network of the paper: values and gradients, in float64.

Dimensions: B batch, T steps, L layers, K taps, R residual channels, G gate channels, H hidden
channels, C condition channels.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from wavegen.layers import gated_stack as module
from wavegen.layers.gated_stack import StackShape, gated_stack, steps_needed

B, R, H, C = 3, 5, 4, 2
DILATIONS = (1, 2, 4, 3)


def arguments(shape: StackShape, n_steps: int, with_cond: bool, dtype: torch.dtype) -> list[Tensor]:
    """Random inputs and weights in the order `gated_stack` takes them; a missing cond is empty."""
    torch.manual_seed(0)
    n_layers, gate = len(shape.dilations), 2 * H if shape.gated else H
    channels = C if with_cond else 0
    shapes = [
        (n_steps * B, R),
        (n_steps * B, channels),
        (n_layers, shape.kernel * R + channels, gate),
        (n_layers, B, gate),
        (n_layers, H, R),
        (n_layers, R),
    ]
    return [(torch.randn(s, dtype=torch.float64) / 2).to(dtype).requires_grad_() for s in shapes]


def fast(given: list[Tensor], keep: int, shape: StackShape) -> Tensor:
    h, cond, *weights = given
    return gated_stack(h, cond if cond.shape[1] else None, *weights, keep, shape)


def paper(given: list[Tensor], keep: int, shape: StackShape, masks: list[Tensor] | None) -> Tensor:
    """van den Oord 2016, figure 4 and equation 2: one convolution after the other."""
    h, cond, gate_weight, gate_bias, residual_weight, residual_bias = given
    x = h.unflatten(0, (-1, B)).permute(1, 2, 0)  # (B, R, T)
    local = cond.unflatten(0, (-1, B)).permute(1, 2, 0)
    outputs = []
    for layer, dilation in enumerate(shape.dilations):
        dropped = x
        if masks is not None:  # masks cover the last steps only; what lies before is not needed
            mask = masks[layer].unflatten(0, (-1, B)).permute(1, 2, 0)
            dropped = x * F.pad(mask, (x.shape[2] - mask.shape[2], 0), value=1.0)
        taps = gate_weight[layer, : shape.kernel * R].unflatten(0, (shape.kernel, R))  # (K, R, G)
        kernel = taps.permute(2, 1, 0).flip(-1)  # the newest tap comes last in a convolution
        z = F.conv1d(F.pad(dropped, ((shape.kernel - 1) * dilation, 0)), kernel, dilation=dilation)
        z = z + torch.einsum("bct,cg->bgt", local, gate_weight[layer, shape.kernel * R :])
        z = z + gate_bias[layer, :, :, None]
        a = z[:, :H].tanh() * z[:, H:].sigmoid() if shape.gated else z.relu()
        outputs.append(a)
        mixed = torch.einsum("bht,hr->brt", a, residual_weight[layer])
        mixed = mixed + residual_bias[layer][:, None]
        x = x + mixed if shape.residual else mixed
    return torch.cat(outputs, 1)[:, :, -keep:].permute(2, 0, 1).flatten(0, 1)


def gradients(out: Tensor, given: list[Tensor]) -> list[Tensor]:
    torch.manual_seed(1)
    cotangent = torch.randn(out.shape, dtype=torch.float64).to(out.dtype)
    found = torch.autograd.grad(out, given, cotangent, allow_unused=True)
    return [torch.zeros_like(g) if f is None else f for f, g in zip(found, given, strict=True)]


def assert_same(one: list[Tensor], other: list[Tensor], tolerance: float) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b.to(a.dtype), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("with_cond", [True, False])
@pytest.mark.parametrize(("n_steps", "keep"), [(40, 40), (40, 7), (9, 5), (3, 3), (1, 1)])
def test_equals_the_paper(
    kernel: int, gated: bool, residual: bool, with_cond: bool, n_steps: int, keep: int
) -> None:
    shape = StackShape(DILATIONS, kernel, gated, residual, 0.0)
    given = arguments(shape, n_steps, with_cond, torch.float64)
    ours, theirs = fast(given, keep, shape), paper(given, keep, shape, None)
    assert_same([ours], [theirs], 1e-12)
    assert_same(gradients(ours, given), gradients(theirs, given), 1e-10)


@pytest.mark.parametrize("residual", [True, False])
def test_dropout_masks_are_those_of_the_forward_pass(
    residual: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: list[Tensor] = []
    draw = module._dropout_mask

    def remember(h: Tensor, p: float) -> Tensor | None:
        mask = draw(h, p)
        assert mask is not None
        masks.append(mask)
        return mask

    monkeypatch.setattr(module, "_dropout_mask", remember)
    shape = StackShape(DILATIONS, 2, True, residual, 0.4)
    given = arguments(shape, 30, True, torch.float64)
    ours = fast(given, 6, shape)
    assert len(masks) == len(DILATIONS)
    values = torch.cat([mask.flatten() for mask in masks])
    assert set(values.tolist()) == {0.0, 1 / 0.6}
    assert abs(float(values.mean()) - 1) < 0.1
    theirs = paper(given, 6, shape, masks)
    assert_same([ours], [theirs], 1e-12)
    assert_same(gradients(ours, given), gradients(theirs, given), 1e-10)


def test_each_layer_computes_only_what_is_needed_above() -> None:
    assert steps_needed((1, 2, 4), 2, keep=3, available=100) == [10, 9, 7, 3]
    assert steps_needed((1, 2, 4), 3, keep=3, available=100) == [17, 15, 11, 3]
    assert steps_needed((1, 2, 4), 2, keep=3, available=8) == [8, 8, 7, 3]


def test_lead_in_beyond_the_receptive_field_gets_no_gradient() -> None:
    shape = StackShape((1, 2), 2, True, True, 0.0)
    given = arguments(shape, 20, False, torch.float64)
    grad = gradients(fast(given, 5, shape), given)[0].unflatten(0, (-1, B))
    assert not grad[:12].any()
    assert grad[12:].any(-1).all()


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("gated", [True, False])
def test_products_as_convolutions_in_float32(gated: bool) -> None:
    shape = StackShape(DILATIONS, 2, gated, True, 0.0)
    narrow = arguments(shape, 60, True, torch.float32)
    wide = arguments(shape, 60, True, torch.float64)
    ours, theirs = fast(narrow, 40, shape), fast(wide, 40, shape)
    assert_same([theirs], [ours], 1e-5)
    assert_same(gradients(theirs, wide), gradients(ours, narrow), 3e-4)


def test_bfloat16_is_close() -> None:
    shape = StackShape(DILATIONS, 2, True, True, 0.0)
    given = arguments(shape, 60, True, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = fast(given, 40, shape)
    assert ours.dtype == torch.bfloat16
    exact = fast(given, 40, shape)
    assert (ours.float() - exact).abs().max() < 0.05
    for found, right in zip(gradients(ours, given), gradients(exact, given), strict=True):
        assert found.dtype == torch.float32
        assert (found - right).norm() < 0.03 * right.norm()


def test_a_second_derivative_is_refused() -> None:
    shape = StackShape((1, 2), 2, True, True, 0.0)
    given = arguments(shape, 6, False, torch.float64)
    (grad,) = torch.autograd.grad(fast(given, 3, shape).square().sum(), given[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()

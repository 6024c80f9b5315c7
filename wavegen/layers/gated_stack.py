"""The residual stack of a WaveNet for all time steps at once: few, large matrix products.

Written as one autograd function, because on a CPU the time goes into passes over memory:

* Rows are time-major, `(T * B, C)`, so that a stretch of time is a contiguous block of rows and
  every product is a plain matrix product without a copy.
* The taps of a layer and its condition stand side by side in one row: one product per layer.
* Each layer computes only the steps that somebody above it still needs ("valid" convolutions):
  a lead-in that fills the receptive field costs half a layer stack and no output net.
* The gate is differentiated by hand: two passes on the way back instead of five.

Dimensions: B batch, T steps, L layers, K taps, R residual channels, G gate channels, H = hidden
channels of a layer (G / 2 with a gated unit), C condition channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .product import outer, product


class StackShape(NamedTuple):
    """What does not change from batch to batch."""

    dilations: Sequence[int]
    kernel: int
    gated: bool
    """tanh x sigmoid (van den Oord 2016, equation 2); else one ReLU."""
    residual: bool
    dropout: float


def steps_needed(dilations: Sequence[int], kernel: int, keep: int, available: int) -> list[int]:
    """How many of the last steps each layer must be given, then how many the last one makes."""
    needed = [keep]
    for dilation in reversed(dilations):
        needed.append(min(available, needed[-1] + (kernel - 1) * dilation))
    return needed[::-1]


def gather_taps(h: Tensor, n_rows: int, lags: Sequence[int], out: Tensor) -> None:
    """Write `h` `(M, R)` at each lag (in rows) side by side into `out` `(n_rows, >= K * R)`.

    What lies before the first row of `h` is zero, like the memory of a voice that is new.
    """
    width = h.shape[1]
    for k, lag in enumerate(lags):
        block = out[:, k * width : (k + 1) * width]
        first = h.shape[0] - n_rows - lag
        missing = min(max(0, -first), n_rows)
        block[:missing] = 0
        block[missing:] = h[first + missing : first + n_rows]


def gated_stack(
    h: Tensor,
    cond: Tensor | None,
    gate_weight: Tensor,
    gate_bias: Tensor,
    residual_weight: Tensor,
    residual_bias: Tensor,
    keep: int,
    shape: StackShape,
) -> Tensor:
    """Hidden outputs of all layers for the last `keep` steps, `(keep * B, L * H)`.

    `h` `(T * B, R)` is the input of the first layer, `cond` `(T * B, C)`, `gate_weight`
    `(L, K * R + C, G)` with the oldest tap last, `gate_bias` `(L, B, G)` (one bias a row: static
    conditions), `residual_weight` `(L, H, R)`, `residual_bias` `(L, R)`.
    """
    kind = h.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else h.dtype
    arguments = (h, cond, gate_weight, gate_bias, residual_weight, residual_bias)
    return _GatedStack.apply(*arguments, keep, shape, dtype)  # pyright: ignore[reportReturnType]


class _GatedStack(torch.autograd.Function):
    """Forward and backward pass of `gated_stack`; `dtype` is that of the products."""

    @staticmethod
    def forward(
        ctx: Any,
        h: Tensor,
        cond: Tensor | None,
        gate_weight: Tensor,
        gate_bias: Tensor,
        residual_weight: Tensor,
        residual_bias: Tensor,
        keep: int,
        shape: StackShape,
        dtype: torch.dtype,
    ) -> Tensor:
        n_layers, hidden, width = residual_weight.shape
        batch, ctx.n_input = gate_bias.shape[1], len(h)
        needed = steps_needed(shape.dilations, shape.kernel, keep, len(h) // batch)
        weights, mixes = gate_weight.to(dtype), residual_weight.to(dtype)
        acts = h.new_empty(keep * batch, n_layers * hidden, dtype=dtype)
        saved: list[Tensor] = []
        h = h[h.shape[0] - needed[0] * batch :]
        for layer, dilation in enumerate(shape.dilations):
            rows = needed[layer + 1] * batch
            mask = _dropout_mask(h, shape.dropout)
            columns = h.new_empty(rows, weights.shape[1], dtype=dtype)
            gather_taps(
                h if mask is None else h * mask, rows, _lags(shape, dilation, batch), columns
            )
            if cond is not None:
                columns[:, shape.kernel * width :] = cond[cond.shape[0] - rows :]
            z = product(columns, weights[layer])
            z.view(-1, batch, z.shape[1]).add_(gate_bias[layer])
            if shape.gated:
                parts = _gate(z, hidden)
                a = parts[0] * parts[1]
            else:
                a = z.relu_()
                parts = [a]
            acts[:, layer * hidden : (layer + 1) * hidden] = a[rows - keep * batch :]
            saved += [columns, a, *parts] + ([] if mask is None else [mask])
            if layer + 1 < n_layers:
                mixed = product(a, mixes[layer])
                h = (
                    torch.add(h[h.shape[0] - rows :], mixed)
                    if shape.residual
                    else mixed.to(h.dtype)
                )
                h += residual_bias[layer]
        ctx.save_for_backward(gate_weight, gate_bias, residual_weight, residual_bias, *saved)
        ctx.shape, ctx.keep, ctx.needed, ctx.dtype = shape, keep, needed, dtype
        ctx.input_like = h.new_empty(0), None if cond is None else cond.shape
        return acts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore
        gate_weight, gate_bias, residual_weight, residual_bias, *saved = ctx.saved_tensors
        shape, keep, needed = ctx.shape, ctx.keep, ctx.needed
        n_layers, hidden, width = residual_weight.shape
        batch = gate_bias.shape[1]
        per_layer = len(saved) // n_layers
        weights, mixes = gate_weight.to(ctx.dtype), residual_weight.to(ctx.dtype)
        (empty, cond_shape) = ctx.input_like
        g_weight, g_bias = torch.empty_like(gate_weight), torch.empty_like(gate_bias)
        g_mix, g_shift = torch.zeros_like(residual_weight), torch.zeros_like(residual_bias)
        g_cond = empty.new_zeros(cond_shape) if cond_shape else None
        g_acts = grads[0]
        g_h = empty
        for layer in reversed(range(n_layers)):
            rows = needed[layer + 1] * batch
            columns, a, *parts = saved[layer * per_layer : (layer + 1) * per_layer]
            g_a = g_acts[:, layer * hidden : (layer + 1) * hidden]
            if layer + 1 < n_layers:
                g_mixed = g_h.to(ctx.dtype)
                g_mix[layer] = outer(a, g_mixed)
                g_shift[layer] = g_h.sum(0)
                through = product(g_mixed, mixes[layer].t())
                through[rows - keep * batch :] += g_a
                g_a = through
            if shape.gated:
                filtered, gate = parts[:2]
                g_z = columns.new_empty(rows, 2 * hidden)
                g_tanh, g_sigmoid = g_z[:, :hidden], g_z[:, hidden:]
                torch.ops.aten.tanh_backward.grad_input(g_a * gate, filtered, grad_input=g_tanh)
                torch.ops.aten.sigmoid_backward.grad_input(
                    g_a * filtered, gate, grad_input=g_sigmoid
                )
            else:
                g_z = g_a * (a > 0)
            g_weight[layer] = outer(columns, g_z)
            g_bias[layer] = g_z.view(-1, batch, g_z.shape[1]).sum(0, dtype=g_bias.dtype)
            g_columns = product(g_z, weights[layer].t())
            if g_cond is not None:
                g_cond[g_cond.shape[0] - rows :] += g_columns[:, shape.kernel * width :]
            g_taps = g_h.new_zeros(needed[layer] * batch, width)
            for k, lag in enumerate(_lags(shape, shape.dilations[layer], batch)):
                first = g_taps.shape[0] - rows - lag
                missing = min(max(0, -first), rows)
                block = g_columns[missing:, k * width : (k + 1) * width]
                g_taps[first + missing : first + rows] += block
            if shape.dropout:
                g_taps *= parts[-1]
            if layer + 1 < n_layers and shape.residual:
                g_taps[g_taps.shape[0] - rows :] += g_h
            g_h = g_taps
        lead = ctx.n_input - g_h.shape[0]
        g_h = F.pad(g_h, (0, 0, lead, 0)) if lead else g_h
        return g_h, g_cond, g_weight, g_bias, g_mix, g_shift, None, None, None


def _lags(shape: StackShape, dilation: int, batch: int) -> list[int]:
    """Rows between now and each tap, the present first."""
    return [k * dilation * batch for k in range(shape.kernel)]


def _dropout_mask(h: Tensor, p: float) -> Tensor | None:
    return None if p == 0 else torch.empty_like(h).bernoulli_(1 - p).div_(1 - p)


def _gate(z: Tensor, hidden: int) -> list[Tensor]:
    """tanh of the first half of `z` `(N, G)` and the logistic function of the second.

    On a CPU tanh costs ten times the logistic function, and bfloat16 rows of 32 fall off the
    vector path: so both go through float32, with tanh(x) = 2 sigmoid(2x) - 1 (off by 1e-7).
    """
    if z.device.type != "cpu" or z.dtype == torch.float64:
        return [z[:, :hidden].tanh(), z[:, hidden:].sigmoid()]
    wide = z.float()
    filtered = (2 * wide[:, :hidden]).sigmoid_().mul_(2).sub_(1)
    return [filtered.to(z.dtype), wide[:, hidden:].sigmoid().to(z.dtype)]

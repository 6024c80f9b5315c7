"""A linear recurrence of complex numbers, for all steps at once: h_t = a_t exp(i w) h_{t-1} + x_t.

The decay a_t is real and differs from step to step, the phase w does not. So within a chunk, seen
from a frame that turns with w, real numbers decay: the chunks are worked out side by side, one
step of all of them at a time, and what enters each chunk is a recurrence of the same kind over
chunks. Complex numbers are pairs of real ones.

Dimensions: B batch, T steps, N units, M chunks, C steps of a chunk.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

_CHUNK = 16


def complex_step(decay: Tensor, phase: Tensor, x: Tensor, state: Tensor) -> Tensor:
    """One step, the specification: decay `(B, N)`, phase `(N)`, x and state `(B, 2, N)`. It
    computes in the precision of `state`.
    """
    decay, phase, x = (given.to(state.dtype) for given in (decay, phase, x))
    return decay[:, None] * _turned(state, phase.cos(), phase.sin()) + x


def complex_scan(decay: Tensor, phase: Tensor, x: Tensor, state: Tensor) -> Tensor:
    """All h_t `(B, T, 2, N)` of T steps: decay `(B, T, N)`, phase `(N)`, x `(B, T, 2, N)` and the
    state `(B, 2, N)` before them. It computes in the precision of `state`.
    """
    wide = (given.to(state.dtype) for given in (decay, phase, x))
    return _ComplexScan.apply(*wide, state)  # pyright: ignore[reportReturnType]


class _ComplexScan(torch.autograd.Function):
    """The gradient of a recurrence is the same recurrence backwards in time, turned backwards."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, phase: Tensor, x: Tensor, state: Tensor) -> Tensor:
        h = _scan(decay, phase.double(), x, state)
        ctx.save_for_backward(decay, phase, state, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore
        decay, phase, state, h = ctx.saved_tensors
        later = F.pad(decay[:, 1:], (0, 0, 0, 1)).flip(1)
        g = _scan(later, -phase.double(), grads[0].flip(1), torch.zeros_like(state)).flip(1)
        cos, sin = phase.cos(), phase.sin()
        turned = _turned(torch.cat([state[:, None], h[:, :-1]], 1), cos, sin)
        g_decay = (g * turned).sum(-2)
        across = turned[..., 0, :] * g[..., 1, :] - turned[..., 1, :] * g[..., 0, :]
        g_phase = (decay * across).sum((0, 1))
        g_state = decay[:, 0, None] * _turned(g[:, 0], cos, -sin)
        return g_decay, g_phase, g, g_state


def _scan(decay: Tensor, phase: Tensor, x: Tensor, state: Tensor) -> Tensor:
    """`complex_scan` without a gradient; the phase is float64, for its multiples are large."""
    n_steps, size = x.shape[1], min(_CHUNK, x.shape[1])
    missing = -n_steps % size
    decay = F.pad(decay, (0, 0, 0, missing)).unflatten(1, (-1, size))  # (B, M, C, N)
    x = F.pad(x, (0, 0, 0, 0, 0, missing)).unflatten(1, (-1, size))  # (B, M, C, 2, N)
    angle = phase * torch.arange(1, size + 1, device=x.device)[:, None]
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)  # (C, N)

    h = _turned(x, cos, -sin)
    steps, decays = h.unbind(2), decay[..., None, :].unbind(2)
    for i in range(1, size):
        steps[i].addcmul_(decays[i], steps[i - 1])
    reach = decay.cumprod(2)
    start = state[:, None]
    if h.shape[1] > 1:
        last = _turned(steps[-1], cos[-1], sin[-1])
        after = _scan(reach[:, :-1, -1], phase * size, last[:, :-1], state)
        start = torch.cat([start, after], 1)
    h.addcmul_(reach[..., None, :], start[:, :, None])
    return _turned(h, cos, sin).flatten(1, 2)[:, :n_steps]


def _turned(h: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Pairs `(..., 2, N)` times exp(i angle), cos and sin broadcast to `(..., N)`."""
    real, imaginary = h.unbind(-2)
    return torch.stack([real * cos - imaginary * sin, real * sin + imaginary * cos], -2)

"""Causal linear attention (Katharopoulos et al. 2020): as a sum over the past, and as a recurrence.

    S[t] = S[t-1] + k[t] v[t]^T,   z[t] = z[t-1] + k[t]          equations 18 and 19
    out[t] = q[t] S[t] / (max(q[t] . z[t], floor[t]) + 1e-6)     equation 20

q and k are features here. With features that are never negative the result is a mean of the values,
whatever the size of the normaliser, and the small number only settles 0 / 0; where features may be
negative a floor keeps the normaliser from zero.

Many steps go by chunks: within a chunk the sum over pairs, across chunks the recurrence, so that
time and memory are linear in length. They are one autograd function, which keeps its inputs, its
result and one memory a segment, and computes the rest again on the way back. Its loops run where
autograd does not look: there every `x[:, :, i]` would cost zeros as large as `x` on the way back.

Dimensions: B batch, H heads, T steps, F features, M values of a head, G = B * H, N chunks of a
segment, C steps of a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

_CHUNK = 64
_CHUNKS_AT_ONCE = {"cpu": 64}
"""Of all heads and rows: what lies between their products stays in the cache."""
_CHUNKS_ELSEWHERE = 4096
_LEAST_CHUNKS = 4
"""Of a segment, which keeps one memory for the way back."""
_EPSILON = 1e-6


class LinearMemory(NamedTuple):
    """What the past comes to; float32 at least, because its sums grow with time."""

    s: Tensor
    """`(B, H, F, M)` sum of k v^T."""
    z: Tensor
    """`(B, H, F)` sum of k."""


def empty_memory(batch: int, heads: int, features: int, values: int, like: Tensor) -> LinearMemory:
    """Nothing seen yet, in float32 or the wider type of `like`."""
    dtype = torch.promote_types(like.dtype, torch.float32)
    zeros = like.new_zeros
    return LinearMemory(
        zeros(batch, heads, features, values, dtype=dtype),
        zeros(batch, heads, features, dtype=dtype),
    )


def linear_attention(
    q: Tensor, k: Tensor, v: Tensor, memory: LinearMemory, least_share: float = 0.0
) -> tuple[Tensor, LinearMemory]:
    """Many steps: `(B, H, T, M)`, and the memory after them.

    `q` and `k` `(B, H, T, F)`, `v` `(B, H, T, M)`, of any strides and any type; it computes in the
    type of the memory, under autocast too. The floor is `least_share` of the length of z.
    """
    dtype, floor = memory.s.dtype, None
    with torch.autocast(q.device.type, enabled=False):
        q, k, v = q.to(dtype), k.to(dtype), v.to(dtype)
        if least_share:
            floor = least_share * (memory.z[:, :, None] + k.cumsum(2)).norm(dim=-1)
        out, s, z = _Causal.apply(q, k, v, memory.s, memory.z, floor)
    return out, LinearMemory(s, z)


def linear_attention_step(
    q: Tensor, k: Tensor, v: Tensor, memory: LinearMemory, least_share: float = 0.0
) -> tuple[Tensor, LinearMemory]:
    """One step, `(B, H, F)` and `(B, H, M)` to `(B, H, M)`; writes into `memory`."""
    heads = v.shape[:2]
    q, k, v = (x.to(memory.s.dtype).flatten(0, 1) for x in (q, k, v))
    s = memory.s.flatten(0, 1).baddbmm_(k[..., None], v[:, None])
    z = memory.z.flatten(0, 1).add_(k)
    total = (q * z).sum(-1, keepdim=True)
    if least_share:
        total = total.maximum(least_share * z.norm(dim=-1, keepdim=True))
    out = torch.bmm(q[:, None], s).squeeze(1) / (total + _EPSILON)
    return out.unflatten(0, heads), LinearMemory(s.unflatten(0, heads), z.unflatten(0, heads))


class _Causal(torch.autograd.Function):
    """All steps, from any memory."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, s: Tensor, z: Tensor, floor: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        out, normaliser = torch.empty_like(v), v.new_empty(*v.shape[:-1], 1)
        heads = v.shape[:2]
        held: list[Tensor] = []
        s, z = s.flatten(0, 1), z.flatten(0, 1)
        for span in _spans(v):
            held += [s, z]
            qs, ks, vs = (_chunks(x, span) for x in (q, k, v))
            pairs = (qs @ ks.mT).tril_()
            past_s, s = _running(s, ks.mT @ vs)
            past_z, z = _running(z, ks.sum(2))
            total = pairs.sum(-1, keepdim=True).add_(qs @ past_z[..., None])
            _put(normaliser, span, total)
            if floor is not None:
                total = total.maximum(_chunks(floor[..., None], span))
            _put(out, span, (pairs @ vs).add_(qs @ past_s).div_(total.add_(_EPSILON)))
        ctx.save_for_backward(q, k, v, floor, out, normaliser, *held)
        return out, s.unflatten(0, heads), z.unflatten(0, heads)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        d_out, ds, dz = grads
        q, k, v, floor, out, normaliser, *held = ctx.saved_tensors
        heads, spans = v.shape[:2], list(_spans(v))
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        d_floor = None if floor is None else torch.empty_like(floor)
        ds, dz = ds.flatten(0, 1), dz.flatten(0, 1)
        with torch.autocast(q.device.type, enabled=False):
            for i in reversed(range(len(spans))):
                span, s, z = spans[i], held[2 * i], held[2 * i + 1]
                qs, ks, vs, given, made = (_chunks(x, span) for x in (q, k, v, d_out, out))
                total = _chunks(normaliser, span)
                # up and down: what the numerator and the normaliser of each step get.
                if floor is None or d_floor is None:
                    up = given / (total + _EPSILON)
                    down = -(up * made).sum(-1, keepdim=True)
                else:
                    least = _chunks(floor[..., None], span)
                    up = given / (total.maximum(least) + _EPSILON)
                    down = -(up * made).sum(-1, keepdim=True)
                    _put(d_floor[..., None], span, down * (least >= total))
                    down = down * (least < total)
                past_s, _ = _running(s, ks.mT @ vs)
                past_z, _ = _running(z, ks.sum(2))
                late_s, ds = _running(ds, (qs.mT @ up).flip(1))
                late_z, dz = _running(dz, (qs * down).sum(2).flip(1))
                late_s, late_z = late_s.flip(1), late_z.flip(1)
                # A pair's weight (t, s), and what that weight gets.
                pairs = (qs @ ks.mT).tril_()
                slopes = (up @ vs.mT).add_(down).tril_()
                past = (up @ past_s.mT).addcmul_(down, past_z[:, :, None])
                _put(dq, span, past.add_(slopes @ ks))
                _put(dk, span, (vs @ late_s.mT).add_(late_z[:, :, None]).add_(slopes.mT @ qs))
                _put(dv, span, (ks @ late_s).add_(pairs.mT @ up))
        return dq, dk, dv, ds.unflatten(0, heads), dz.unflatten(0, heads), d_floor


def _spans(v: Tensor) -> Iterator[tuple[int, int]]:
    """The segments, as first step and the one after the last."""
    batch, heads, n_steps, _ = v.shape
    at_once = _CHUNKS_AT_ONCE.get(v.device.type, _CHUNKS_ELSEWHERE)
    size = _CHUNK * max(_LEAST_CHUNKS, at_once // (batch * heads))
    return ((a, min(a + size, n_steps)) for a in range(0, n_steps, size))


def _chunks(x: Tensor, span: tuple[int, int]) -> Tensor:
    """A segment of `(B, H, T, D)` as `(G, N, C, D)`; steps that are missing are zero."""
    x = x[:, :, span[0] : span[1]]
    n_steps = x.shape[2]
    chunk = min(_CHUNK, n_steps)
    x = F.pad(x, (0, 0, 0, -n_steps % chunk))
    return x.reshape(-1, x.shape[2] // chunk, chunk, x.shape[3])


def _put(out: Tensor, span: tuple[int, int], x: Tensor) -> None:
    """A segment `(G, N, C, ...)` to its place in `(B, H, T, ...)`."""
    n_steps = span[1] - span[0]
    place = out[:, :, span[0] : span[1]]
    place.copy_(x.flatten(1, 2)[:, :n_steps].reshape(place.shape))


def _running(start: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
    """The sum before each chunk, `(G, N, ...)`, and the one after the last."""
    sums = torch.cat([start[:, None], change], 1).cumsum(1)
    return sums[:, :-1], sums[:, -1]

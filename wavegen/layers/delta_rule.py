"""The gated delta rule: a matrix memory that decays, corrects and is read (Yang et al. 2024).

    S <- a (S - b k k^T S) + b k v^T        with the correction (Gated DeltaNet, equation 10)
    S <- a S + k v^T                        without: Mamba-2, RetNet
    out = q^T S

`delta_step` is the specification; `delta_rule` computes the same for many steps, chunk by chunk.

Dimensions: B batch, H heads, T steps, N chunks, C steps of a chunk, K key width, V value width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_CHUNK = 32  # measured: 16 and 64 take longer, with the correction and without
_GONE = -20.0  # the logarithm of a decay that leaves nothing: it keeps running sums exact


def delta_step(
    q: Tensor, k: Tensor, v: Tensor, strength: Tensor | None, log_decay: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    """One step: q, k `(B, H, K)`, v `(B, H, V)`, strength (b; None is no correction) and log a
    `(B, H)`, memory `(B, H, K, V)`, to `(B, H, V)` and the memory after it. It computes in the
    precision of `memory`.
    """
    q, k, v, log_decay = (x.to(memory.dtype) for x in (q, k, v, log_decay))
    decay = log_decay.exp()[..., None]
    written = v
    if strength is not None:
        written = strength[..., None] * (v - decay * (k[..., None, :] @ memory).squeeze(-2))
    memory = decay[..., None] * memory + k[..., None] * written[..., None, :]
    return (q[..., None, :] @ memory).squeeze(-2), memory


def delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    strength: Tensor | None,
    log_decay: Tensor,
    memory: Tensor,
    chunk: int = _CHUNK,
) -> tuple[Tensor, Tensor]:
    """T steps at once: q, k `(B, H, T, K)`, v `(B, H, T, V)`, strength and log_decay `(B, H, T)`,
    to `(B, H, T, V)` and the memory after them. It computes in the precision of `memory`, outside
    autocast.
    """
    n_steps = q.shape[2]
    with torch.autocast(memory.device.type, enabled=False):
        q, k, v, log_decay = (
            _chunks(x.to(memory.dtype), chunk) for x in (q, k, v, log_decay[..., None])
        )
        if strength is not None:
            strength = _chunks(strength[..., None].to(memory.dtype), chunk)
        out, memory = _by_chunks(q, k, v, strength, log_decay, memory)
    return out.flatten(2, 3)[:, :, :n_steps], memory


def _chunks(x: Tensor, chunk: int) -> Tensor:
    """`(B, H, T, D)` to `(B, H, N, C, D)`; added steps write nothing and let nothing decay."""
    return F.pad(x, (0, 0, 0, -x.shape[2] % chunk)).unflatten(2, (-1, chunk))


def _by_chunks(
    q: Tensor, k: Tensor, v: Tensor, strength: Tensor | None, log_decay: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    """Section 3.3 of the paper. What step i writes is k_i u_i^T, with u_i free of what was there
    before the chunk except for one product with it: U = written - erased S. Then

        S_i = exp(g_i) S + sum over j <= i of exp(g_i - g_j) k_j u_j^T

    where g is the running sum of log a. All chunks are worked out at once but for their memories.
    """
    size, key_width = q.shape[3], q.shape[4]
    since = log_decay.clamp_min(_GONE).cumsum(3)  # (B, H, N, C, 1)
    is_later = torch.ones(size, size, dtype=torch.bool, device=q.device).triu(1)
    between = (since - since.mT).masked_fill(is_later, -torch.inf).exp()  # (B, H, N, C, C)
    from_start = since.exp()
    whole = from_start[..., -1:, :]
    last_keys = (k * (since[..., -1:, :] - since).exp()).mT

    if strength is None:
        written, erased = v, None
        keeps = whole
    else:
        system = strength * between * (k @ k.mT)  # its diagonal is taken to be 1
        right = torch.cat([strength * v, strength * from_start * k], -1)
        solved = torch.linalg.solve_triangular(system, right, upper=False, unitriangular=True)
        written, erased = solved.split([v.shape[4], key_width], -1)
        keeps = whole * torch.eye(key_width, dtype=q.dtype, device=q.device) - last_keys @ erased
    adds = last_keys @ written

    starts = list[Tensor]()
    # unbind: an index in this loop would give every chunk a gradient of full size.
    for keep, add in zip(keeps.unbind(2), adds.unbind(2), strict=True):
        starts.append(memory)
        memory = add + (keep * memory if erased is None else keep @ memory)
    start = torch.stack(starts, 2)
    if erased is not None:
        written = written - erased @ start
    out = (from_start * q) @ start + (between * (q @ k.mT)) @ written
    return out, memory

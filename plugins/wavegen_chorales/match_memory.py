"""A memory of what went before, and of how far it matches what has just happened: copying.

A piece of music repeats itself, often to the note. For each of the last M events the memory knows
how much before it was the same as what was before now. What followed the longest matches is likely
to follow again, so every remembered event votes for the classes of the one after it, with a
strength learned for each length of match. Lengths count changes: that a chord was held is no sign
of a repeat, and counted by steps it would vote for holding it on for ever (measured: 30 of 77
pieces came to a stand).

    L[t, lag] = (x[t] == x[t - lag]) * (L[t - 1, lag] + (x[t] != x[t - 1]))
    votes[t, v, c] = log(1 + sum over lags with L > 0 of exp(strength[L[t, lag], v])
                             * [x[t + 1 - lag, v] == c])

Dimensions: B batch, T time, N values of an event, M events remembered, K classes, L lengths
told apart.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_EMPTY = -1
"""In place of an event that has not happened: equal to no class."""
_EDGES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Lengths of match are told apart at these."""
_LONGEST = _EDGES[-1]
_CHUNK = 256
"""Steps done at once; bounds the memory that their matches with all remembered events take."""


class MatchState(NamedTuple):
    """The memory of B voices."""

    events: Tensor
    """`(B, M, N)` int64 the last events, oldest first."""
    lengths: Tensor
    """`(B, M)` int64 length of the match at lag M - j: of the events up to j with the newest."""


class MatchMemory(nn.Module):
    """Votes for the next event, from repeats of whole events."""

    def __init__(self, n_values: int, n_classes: int, n_events: int) -> None:
        super().__init__()
        self.n_values, self.n_classes, self.n_events = n_values, n_classes, n_events
        # Weak at first, and the stronger the longer the match.
        rise = torch.linspace(-4, 0, len(_EDGES))
        self.strength = nn.Parameter(rise[:, None].repeat(1, n_values))
        bucket = torch.bucketize(torch.arange(_LONGEST + 1), torch.tensor(_EDGES), right=True)
        self.register_buffer("_bucket", bucket, persistent=False)

    _bucket: Tensor

    def init_state(self, batch: int) -> MatchState:
        """Nothing has happened."""
        device = self.strength.device
        shape = (batch, self.n_events, self.n_values)
        events = torch.full(shape, _EMPTY, dtype=torch.int64, device=device)
        return MatchState(events, torch.zeros_like(events[..., 0]))

    def step(self, x: Tensor, state: MatchState) -> tuple[Tensor, MatchState]:
        """Events `(B, N)` to votes `(B, N, K)`."""
        is_same = (x[:, None] == state.events).all(-1)
        moves = (x != state.events[:, -1]).any(-1, keepdim=True)
        lengths = torch.where(is_same, (state.lengths + moves).clamp(max=_LONGEST), 0)
        events = torch.cat([state.events[:, 1:], x[:, None]], 1)
        weight = F.embedding(self._bucket[lengths], self._weights()).transpose(1, 2)  # (B, N, M)
        classes = torch.arange(self.n_classes, device=x.device)
        is_for = events.transpose(1, 2)[:, :, None] == classes[:, None]  # (B, N, K, M)
        votes = torch.where(is_for, weight[:, :, None], 0.0).sum(-1)
        return votes.log1p(), MatchState(events, lengths)

    def forward(self, x: Tensor, state: MatchState) -> tuple[Tensor, MatchState]:
        """All steps of `(B, T, N)` at once, to `(B, T, N, K)`."""
        votes = list[Tensor]()
        for piece in x.split(_CHUNK, 1):
            some, state = self._chunk(piece, state)
            votes.append(some)
        return torch.cat(votes, 1), state

    def _chunk(self, x: Tensor, state: MatchState) -> tuple[Tensor, MatchState]:
        n_steps = x.shape[1]
        seen = torch.cat([state.events, x], 1)  # (B, M + T, N)
        lengths = self._lengths(x, seen, state.lengths)
        # Few events match, so only those that do are looked at.
        row, step, place = lengths.nonzero(as_tuple=True)
        weight = self._weights()[self._bucket[lengths[row, step, place]]]
        value = torch.arange(self.n_values, device=x.device)
        where = (row * n_steps + step)[:, None] * self.n_values + value
        where = where * self.n_classes + seen[row, step + place + 1]
        votes = weight.new_zeros(x.numel() * self.n_classes)
        votes = votes.index_add(0, where.flatten(), weight.flatten()).view(*x.shape, -1)
        return votes.log1p(), MatchState(seen[:, n_steps:].clone(), lengths[:, -1].clone())

    def _weights(self) -> Tensor:
        """How much a match of each bucket counts: `(L + 1, N)`, nothing where there is none."""
        return F.pad(self.strength.exp(), (0, 0, 1, 0))

    def _lengths(self, x: Tensor, seen: Tensor, before: Tensor) -> Tensor:
        """`(B, T, M)` after each step, from those `(B, M)` before the first."""
        n_steps = x.shape[1]
        power = (self.n_classes + 1) ** torch.arange(self.n_values, device=x.device)
        names = ((seen + 1) * power).sum(-1)  # one number for each event
        is_same = names[:, self.n_events :, None] == names.unfold(1, self.n_events, 1)[:, :n_steps]
        changes = (names[:, 1:] != names[:, :-1])[:, -n_steps:].cumsum(1)[..., None]
        # A match goes on since the last event that differed, or since before the first.
        broken = torch.where(is_same, -before[:, None], changes).cummax(1).values
        return (changes - broken).clamp(max=_LONGEST)

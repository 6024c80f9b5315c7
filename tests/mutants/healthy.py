"""Three small models that keep every law, each as plain as it can be; the mutants break them.

Dimensions: B batch, T time, E event shape, H hidden, R ring slots, P head parameters.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from wavegen.model import SequenceModel, SequenceSpec

HIDDEN = 8


class Entrance(nn.Module):
    """Symbols `(..., *E)`, conditions `(..., C)` and static conditions to vectors `(..., H)`."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__()
        self.spec = spec
        n = spec.n_events
        self.codes = nn.ModuleList(
            nn.Linear(1, HIDDEN) if spec.n_classes is None else nn.Embedding(spec.n_classes, HIDDEN)
            for _ in range(n)
        )
        self.cond = nn.Linear(spec.cond_channels, HIDDEN) if spec.cond_channels else None
        self.static: nn.Module | None = None
        if spec.static_classes:
            self.static = nn.Embedding(spec.static_classes, HIDDEN)
        elif spec.static_channels:
            self.static = nn.Linear(spec.static_channels, HIDDEN)

    def symbols(self, x: Tensor) -> Tensor:
        events = x.flatten(-len(self.spec.event_shape)) if self.spec.event_shape else x[..., None]
        parts = events[..., None] if self.spec.n_classes is None else events
        axis = -2 if self.spec.n_classes is None else -1
        vectors = [c(part) for c, part in zip(self.codes, parts.unbind(axis), strict=True)]
        return torch.stack(vectors).sum(0)

    def conditions(self, cond: Tensor | None, like: Tensor) -> Tensor:
        """`(..., H)`, zeros where there are none."""
        return torch.zeros_like(like) if self.cond is None or cond is None else self.cond(cond)

    def voice(self, batch: int, static: Tensor | None) -> Tensor:
        """What the static condition says about each voice, `(B, H)`."""
        if self.static is None or static is None:
            return torch.zeros(batch, HIDDEN)
        return self.static(static)


class ConvState(NamedTuple):
    clock: Tensor  # (B) symbols seen
    taps: Tensor  # (B, R, H) the ring buffers of all layers, end to end
    voice: Tensor  # (B, H) the static condition


class Conv(SequenceModel[ConvState]):
    """Dilated causal convolutions with residuals; ring buffers in the step (Le Paine 2016)."""

    dilations = (1, 2, 4)

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__()
        self.spec, self.receptive_field = spec, 1 + sum(self.dilations)
        self.enter = Entrance(spec)
        self.now = nn.ModuleList(nn.Linear(HIDDEN, HIDDEN) for _ in self.dilations)
        self.past = nn.ModuleList(nn.Linear(HIDDEN, HIDDEN, bias=False) for _ in self.dilations)
        self.leave = nn.Linear(HIDDEN, spec.n_params)

    def init_state(self, batch: int, static: Tensor | None = None) -> ConvState:
        return ConvState(
            torch.zeros(batch, dtype=torch.int64),
            torch.zeros(batch, sum(self.dilations), HIDDEN),
            self.enter.voice(batch, static),
        )

    def step(
        self, x: Tensor, state: ConvState, cond: Tensor | None = None
    ) -> tuple[Tensor, ConvState]:
        h = self.enter.symbols(x)
        given = self.enter.conditions(cond, h) + state.voice
        rows, first = torch.arange(len(x)), 0
        for i, d in enumerate(self.dilations):
            slot = first + state.clock % d
            tap = self.exchange(state.taps, rows, slot, h)
            h = h + torch.tanh(self.now[i](h) + self.past[i](tap) + given)
            first += d
        return self.leave(h), state._replace(clock=state.clock + 1)

    def exchange(self, taps: Tensor, rows: Tensor, slot: Tensor, h: Tensor) -> Tensor:
        """Read the oldest entry of a ring, `(B, H)`, and put the newest in its place."""
        tap = taps[rows, slot]
        taps[rows, slot] = h
        return tap

    def run(self, x: Tensor, state: ConvState, cond: Tensor | None) -> tuple[Tensor, ConvState]:
        """Many steps in one parallel pass, from any state: `(B, T, P)` and the state after."""
        h = self.enter.symbols(x)
        given = self.enter.conditions(cond, h) + state.voice[:, None]
        rows, first, rings, steps = torch.arange(len(x))[:, None], 0, list[Tensor](), x.shape[1]
        for i, d in enumerate(self.dilations):
            age = torch.arange(d)
            memory = state.taps[rows, first + (state.clock[:, None] + age) % d]
            line = torch.cat([memory, h], 1)  # (B, d + T, H), oldest first
            ring = torch.empty_like(memory)
            ring[rows, (state.clock[:, None] + steps + age) % d] = line[:, -d:]
            rings.append(ring)
            h = h + torch.tanh(self.now[i](h) + self.past[i](line[:, :steps]) + given)
            first += d
        return self.leave(h), ConvState(state.clock + steps, torch.cat(rings, 1), state.voice)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        return self.run(x, self.init_state(len(x), static), cond)[0]

    def prefill(
        self, x: Tensor, state: ConvState, cond: Tensor | None = None
    ) -> tuple[Tensor, ConvState]:
        out, state = self.run(x, state, cond)
        return out[:, -1], state

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        assert self.receptive_field is not None
        need = keep + self.receptive_field - 1
        cond = None if cond is None else cond[:, -need:]
        return self.forward(x[:, -need:], cond, static)[:, -keep:]


class RecurrentState(NamedTuple):
    hidden: Tensor  # (B, H)
    voice: Tensor  # (B, H)


class Recurrent(SequenceModel[RecurrentState]):
    """A gated recurrent net; the state is its hidden vector."""

    receptive_field = None

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__()
        self.spec, self.enter = spec, Entrance(spec)
        self.cell = nn.GRUCell(HIDDEN, HIDDEN)
        self.leave = nn.Linear(HIDDEN, spec.n_params)

    def init_state(self, batch: int, static: Tensor | None = None) -> RecurrentState:
        return RecurrentState(torch.zeros(batch, HIDDEN), self.enter.voice(batch, static))

    def step(
        self, x: Tensor, state: RecurrentState, cond: Tensor | None = None
    ) -> tuple[Tensor, RecurrentState]:
        h = self.enter.symbols(x)
        hidden = self.cell(h + self.enter.conditions(cond, h) + state.voice, state.hidden)
        return self.leave(hidden), state._replace(hidden=hidden)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        h = self.enter.symbols(x)
        voice = self.enter.voice(len(x), static)
        inputs = h + self.enter.conditions(cond, h) + voice[:, None]
        hidden, outs = torch.zeros(len(x), HIDDEN), list[Tensor]()
        for vector in inputs.unbind(1):
            hidden = self.cell(vector, hidden)
            outs.append(hidden)
        return self.leave(torch.stack(outs, 1))


class Ahead(Conv):
    """Each step is told its own condition and the mean of all from there to the end."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(replace(spec, cond_channels=2 * spec.cond_channels))
        self.spec, self.step_cond_channels = spec, 2 * spec.cond_channels

    def look_ahead(self, cond: Tensor) -> Tensor:
        left = torch.arange(cond.shape[1], 0, -1)[:, None]
        return torch.cat([cond, cond.flip(1).cumsum(1).flip(1) / left], -1)


class AttentionState(NamedTuple):
    sums: Tensor  # (B, H, H) of keys times values
    norms: Tensor  # (B, H) of keys
    voice: Tensor  # (B, H)


class LinearAttention(SequenceModel[AttentionState]):
    """One head of linear attention over random features (Katharopoulos 2020)."""

    receptive_field = None
    features: Tensor

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__()
        self.spec, self.enter = spec, Entrance(spec)
        self.register_buffer("features", torch.randn(HIDDEN, HIDDEN) / 3)
        self.key, self.query, self.value = (nn.Linear(HIDDEN, HIDDEN) for _ in range(3))
        self.leave = nn.Linear(HIDDEN, spec.n_params)

    def init_state(self, batch: int, static: Tensor | None = None) -> AttentionState:
        sums, norms = torch.zeros(batch, HIDDEN, HIDDEN), torch.zeros(batch, HIDDEN)
        return AttentionState(sums, norms, self.enter.voice(batch, static))

    def step(
        self, x: Tensor, state: AttentionState, cond: Tensor | None = None
    ) -> tuple[Tensor, AttentionState]:
        h = self.enter.symbols(x)
        h = h + self.enter.conditions(cond, h) + state.voice
        query, key, value = self.project(h)
        sums = state.sums + key[..., None] * value[..., None, :]
        norms = state.norms + key
        return self.answer(h, query, sums, norms), AttentionState(sums, norms, state.voice)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        h = self.enter.symbols(x)
        voice = self.enter.voice(len(x), static)
        h = h + self.enter.conditions(cond, h) + voice[:, None]
        query, key, value = self.project(h)
        sums = (key[..., None] * value[..., None, :]).cumsum(1)
        return self.answer(h, query, sums, key.cumsum(1))

    def project(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of query and key, all positive, and the value: each `(..., H)`."""
        query, key = ((part(h) @ self.features).exp() for part in (self.query, self.key))
        return query, key, self.value(h)

    def answer(self, h: Tensor, query: Tensor, sums: Tensor, norms: Tensor) -> Tensor:
        read = (query[..., None] * sums).sum(-2) / (query * norms).sum(-1, keepdim=True)
        return self.leave(torch.tanh(h) + read)


def build(kind: type[Any], spec: SequenceSpec) -> SequenceModel[Any]:
    """A model with weights that are the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(spec)

"""Models with one classic bug each. The kit must catch every one.

Each overrides the least of a healthy model; its docstring names the bug. The table in
`test_mutants.py` says which law sees it.

Dimensions: B batch, T time, H hidden, P head parameters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from healthy import (
    HIDDEN,
    Ahead,
    AttentionState,
    Conv,
    ConvState,
    LinearAttention,
    Recurrent,
    RecurrentState,
)
from torch import Tensor, nn

from wavegen.model import SequenceSpec

Cond = Tensor | None


class TapReadAfterWrite(Conv):
    """The ring is written before it is read: the oldest entry is lost."""

    def exchange(self, taps: Tensor, rows: Tensor, slot: Tensor, h: Tensor) -> Tensor:
        taps[rows, slot] = h
        return taps[rows, slot]


class StateInModule(Recurrent):
    """The memory lies on the module; the state is for show."""

    hidden: Tensor

    def init_state(self, batch: int, static: Cond = None) -> RecurrentState:
        state = super().init_state(batch, static)
        self.hidden = state.hidden
        return state

    def step(self, x: Tensor, state: RecurrentState, cond: Cond = None) -> Any:
        out, after = super().step(x, state._replace(hidden=self.hidden), cond)
        self.hidden = after.hidden
        return out, state


class IntClockState(NamedTuple):
    clock: int
    taps: Tensor
    voice: Tensor


class ClockAsInt(Conv):
    """The clock is a Python int, so voices of two ages cannot share a batch."""

    def init_state(self, batch: int, static: Cond = None) -> Any:
        return IntClockState(0, *super().init_state(batch, static)[1:])

    def step(self, x: Tensor, state: Any, cond: Cond = None) -> Any:
        clock = torch.full((len(x),), state.clock)
        out, after = super().step(x, ConvState(clock, *state[1:]), cond)
        return out, IntClockState(state.clock + 1, *after[1:])

    def run(self, x: Tensor, state: Any, cond: Cond) -> Any:
        clock = torch.full((len(x),), state.clock)
        out, after = super().run(x, ConvState(clock, *state[1:]), cond)
        return out, IntClockState(state.clock + x.shape[1], *after[1:])


class ClockSharedByRows(Conv):
    """All rows are taken to be as old as the first."""

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        clock = state.clock[:1].expand(len(x))
        out, after = super().step(x, state._replace(clock=clock), cond)
        return out, after._replace(clock=state.clock + 1)


class PrefillForgets(Conv):
    """prefill begins a new voice instead of going on with the one it was given."""

    def prefill(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        blank = ConvState(*(torch.zeros_like(leaf) for leaf in state[:2]), state.voice)
        return super().prefill(x, blank, cond)


class PrefillLeavesNoTrace(Conv):
    """prefill gives the right output and returns the state it was given."""

    def prefill(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        return super().prefill(x, state, cond)[0], state


class CircularPadding(Conv):
    """forward pads with the end of the sequence."""

    def forward(self, x: Tensor, cond: Cond = None, static: Cond = None) -> Tensor:
        state = self.init_state(len(x), static)
        _, state = self.run(x, state, cond)
        return self.run(x, state, cond)[0]


class LateState(NamedTuple):
    inner: ConvState
    last: Tensor  # (B, P) the output of one step ago


class OutputShifted(Conv):
    """Every output answers the symbol before: one step late, consistently."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.receptive_field = 2 + sum(self.dilations)

    def forward(self, x: Tensor, cond: Cond = None, static: Cond = None) -> Tensor:
        out, _ = self.run(x, super().init_state(len(x), static), cond)
        return torch.cat([torch.zeros_like(out[:, :1]), out[:, :-1]], 1)

    def init_state(self, batch: int, static: Cond = None) -> Any:
        return LateState(super().init_state(batch, static), torch.zeros(batch, self.spec.n_params))

    def step(self, x: Tensor, state: Any, cond: Cond = None) -> Any:
        out, inner = super().step(x, state.inner, cond)
        return state.last, LateState(inner, out)

    def prefill(self, x: Tensor, state: Any, cond: Cond = None) -> Any:
        out, inner = self.run(x, state.inner, cond)
        both = torch.cat([state.last[:, None], out], 1)
        return both[:, -2], LateState(inner, both[:, -1])

    def tail(self, x: Tensor, keep: int, cond: Cond = None, static: Cond = None) -> Tensor:
        return self.forward(x, cond, static)[:, -keep:]


class LooksAhead(Conv):
    """forward sees one symbol of the future."""

    def forward(self, x: Tensor, cond: Cond = None, static: Cond = None) -> Tensor:
        out = super().forward(x, cond, static)
        return out + 0.01 * torch.cat([out[:, 1:], out[:, -1:]], 1)


class RowsCoupled(Conv):
    """Outputs are centred over the batch, alike in every view."""

    def run(self, x: Tensor, state: ConvState, cond: Cond) -> Any:
        out, state = super().run(x, state, cond)
        return out - out.mean(0, keepdim=True) / 2, state

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        out, state = super().step(x, state, cond)
        return out - out.mean(0, keepdim=True) / 2, state


class RowsMasked(Recurrent):
    """Rows are summed with weight 0, which does not stop a NaN."""

    def _coupled(self, out: Tensor) -> Tensor:
        return out + 0 * out.sum(0, keepdim=True)

    def forward(self, x: Tensor, cond: Cond = None, static: Cond = None) -> Tensor:
        return self._coupled(super().forward(x, cond, static))

    def step(self, x: Tensor, state: RecurrentState, cond: Cond = None) -> Any:
        out, state = super().step(x, state, cond)
        return self._coupled(out), state


class StateGrows(Recurrent):
    """The state keeps a history that is one step longer each time."""

    def step(self, x: Tensor, state: RecurrentState, cond: Cond = None) -> Any:
        old = state.hidden
        out, after = super().step(x, state._replace(hidden=old[:, -HIDDEN:]), cond)
        return out, after._replace(hidden=torch.cat([old, after.hidden], 1))


class CachedInit(Conv):
    """`init_state` hands out the same memory to all voices of a batch size."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.cache: dict[int, Tensor] = {}

    def init_state(self, batch: int, static: Cond = None) -> ConvState:
        state = super().init_state(batch, static)
        return state._replace(taps=self.cache.setdefault(batch, state.taps))


class FeaturesRedrawn(LinearAttention):
    """Each new voice redraws the random features (as fast-transformers did)."""

    def init_state(self, batch: int, static: Cond = None) -> AttentionState:
        self.features = torch.randn(HIDDEN, HIDDEN) / 3
        return super().init_state(batch, static)


class StateRounded(Recurrent):
    """The memory is kept in bfloat16."""

    def init_state(self, batch: int, static: Cond = None) -> RecurrentState:
        state = super().init_state(batch, static)
        return state._replace(hidden=state.hidden.bfloat16())

    def step(self, x: Tensor, state: RecurrentState, cond: Cond = None) -> Any:
        out, after = super().step(x, state._replace(hidden=state.hidden.float()), cond)
        return out, after._replace(hidden=after.hidden.bfloat16())


class DtypeDrifts(Recurrent):
    """The memory begins in float32 and goes on in float64."""

    def step(self, x: Tensor, state: RecurrentState, cond: Cond = None) -> Any:
        out, after = super().step(x, state._replace(hidden=state.hidden.float()), cond)
        return out, after._replace(hidden=after.hidden.double())


class OutputBufferReused(Conv):
    """step writes every output into the same memory."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.buffers: dict[int, Tensor] = {}

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        out, state = super().step(x, state, cond)
        return self.buffers.setdefault(len(x), torch.empty_like(out)).copy_(out), state


class StaleWeightCache(Conv):
    """step multiplies by a copy of the weights that was made at its first call."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.copied: Tensor | None = None

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        out, state = super().step(x, state, cond)
        if self.copied is None:
            self.copied = self.leave.bias.detach().clone()
        return out - self.leave.bias + self.copied, state


class CondState(NamedTuple):
    inner: ConvState
    last: Tensor  # (B, C) the condition one step ago


class CondShifted(Conv):
    """Each step is given the condition of the step before, in every view."""

    def init_state(self, batch: int, static: Cond = None) -> Any:
        last = torch.zeros(batch, self.spec.cond_channels)
        return CondState(super().init_state(batch, static), last)

    def step(self, x: Tensor, state: Any, cond: Cond = None) -> Any:
        out, inner = super().step(x, state.inner, state.last)
        return out, CondState(inner, state.last if cond is None else cond)

    def run(self, x: Tensor, state: Any, cond: Cond) -> Any:
        assert cond is not None
        both = torch.cat([state.last[:, None], cond], 1)
        out, inner = super().run(x, state.inner, both[:, :-1])
        return out, CondState(inner, both[:, -1])

    def tail(self, x: Tensor, keep: int, cond: Cond = None, static: Cond = None) -> Tensor:
        return self.forward(x, cond, static)[:, -keep:]


class CondIgnored(Conv):
    """Per-step conditions are accepted and not used."""

    def run(self, x: Tensor, state: ConvState, cond: Cond) -> Any:
        return super().run(x, state, None)

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        return super().step(x, state, None)


class StaticIgnored(Conv):
    """Static conditions are accepted and not used."""

    def init_state(self, batch: int, static: Cond = None) -> ConvState:
        return super().init_state(batch, None)


class StaticOnModule(Conv):
    """The static condition of the last voice that began lies on the module."""

    latest: Tensor

    def init_state(self, batch: int, static: Cond = None) -> ConvState:
        state = super().init_state(batch, static)
        self.latest = state.voice
        return state

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        return super().step(x, state._replace(voice=self.latest[: len(x)]), cond)


class TailOffByOne(Conv):
    """tail cuts the receptive field one symbol short."""

    def tail(self, x: Tensor, keep: int, cond: Cond = None, static: Cond = None) -> Tensor:
        need = keep + sum(self.dilations) - 1
        cond = None if cond is None else cond[:, -need:]
        return self.forward(x[:, -need:], cond, static)[:, -keep:]


class FieldOverstated(Conv):
    """The receptive field is declared one symbol too long."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.receptive_field = 2 + sum(self.dilations)


class FieldUnderstated(Conv):
    """The receptive field is declared one symbol too short; tail knows better."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.receptive_field = sum(self.dilations)

    def tail(self, x: Tensor, keep: int, cond: Cond = None, static: Cond = None) -> Tensor:
        return self.forward(x, cond, static)[:, -keep:]


class GradientCut(Recurrent):
    """forward detaches its memory: right numbers, wrong gradient."""

    def forward(self, x: Tensor, cond: Cond = None, static: Cond = None) -> Tensor:
        state, outs = self.init_state(len(x), static), list[Tensor]()
        for t in range(x.shape[1]):
            out, state = self.step(x[:, t], state, None if cond is None else cond[:, t])
            state = state._replace(hidden=state.hidden.detach())
            outs.append(out)
        return torch.stack(outs, 1)


class ForkShares(Conv):
    """The taps lie on the module and the state holds only which of them are its own."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.pool: list[Tensor] = []

    def init_state(self, batch: int, static: Cond = None) -> ConvState:
        state = super().init_state(batch, static)
        self.pool.append(state.taps)
        handle = torch.full((batch, 1, 1), float(len(self.pool) - 1))
        return state._replace(taps=handle)

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        handle = int(state.taps[0])
        out, after = super().step(x, state._replace(taps=self.pool[handle]), cond)
        return out, after._replace(taps=state.taps)

    def run(self, x: Tensor, state: ConvState, cond: Cond) -> Any:
        handle = int(state.taps[0])
        out, after = super().run(x, state._replace(taps=self.pool[handle]), cond)
        self.pool[handle] = after.taps
        return out, after._replace(taps=state.taps)


class HandleToMemory(Recurrent):
    """The state holds a number under which the module finds the memory."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.pool: list[Tensor] = []

    def init_state(self, batch: int, static: Cond = None) -> RecurrentState:
        state = super().init_state(batch, static)
        return state._replace(hidden=self.store(state.hidden))

    def step(self, x: Tensor, state: RecurrentState, cond: Cond = None) -> Any:
        hidden = torch.stack([self.pool[int(handle)] for handle in state.hidden])
        out, after = super().step(x, state._replace(hidden=hidden), cond)
        return out, after._replace(hidden=self.store(after.hidden))

    def store(self, hidden: Tensor) -> Tensor:
        first = len(self.pool)
        self.pool.extend(hidden)
        return torch.arange(first, len(self.pool))[:, None]


class BatchNotFirst(Recurrent):
    """The memory has batch as dimension 1."""

    def init_state(self, batch: int, static: Cond = None) -> RecurrentState:
        state = super().init_state(batch, static)
        return state._replace(hidden=state.hidden[None])

    def step(self, x: Tensor, state: RecurrentState, cond: Cond = None) -> Any:
        out, after = super().step(x, state._replace(hidden=state.hidden[0]), cond)
        return out, after._replace(hidden=after.hidden[None])


class ClockOverflows(Conv):
    """The clock stops at 200."""

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        out, after = super().step(x, state, cond)
        return out, after._replace(clock=after.clock.clamp_max(200))


class Noisy(Conv):
    """Dropout goes on while playing."""

    def run(self, x: Tensor, state: ConvState, cond: Cond) -> Any:
        out, state = super().run(x, state, cond)
        return out + 1e-6 * torch.rand_like(out), state


class OneParameterTooMany(Conv):
    """Outputs are wider than the head was promised."""

    def run(self, x: Tensor, state: ConvState, cond: Cond) -> Any:
        out, state = super().run(x, state, cond)
        return torch.cat([out, out[..., :1]], -1), state

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        out, state = super().step(x, state, cond)
        return torch.cat([out, out[..., :1]], -1), state


class EventsMixedUp(Conv):
    """step reads the values of an event in another order than forward."""

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        return super().step(x.flip(-1), state, cond)


class ExportedOtherwise(Conv):
    """The step takes a shortcut while it is exported: the program is another model."""

    def step(self, x: Tensor, state: ConvState, cond: Cond = None) -> Any:
        if torch.compiler.is_exporting():
            state = state._replace(taps=0.9 * state.taps)
        return super().step(x, state, cond)


class _Difference(nn.Module):
    """`linear(x)`, as a small difference of large numbers."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        far = torch.full((x.shape[-1],), 50.0)
        return self.linear(x + far) - self.linear(far) + self.linear.bias


class SmallDifferences(Recurrent):
    """The parameters are differences of large numbers: weights in fewer bits lose them."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.leave = _Difference(self.leave)


class AheadOfAll(Ahead):
    """What is ahead of one sequence is mixed with what is ahead of the others."""

    def look_ahead(self, cond: Tensor) -> Tensor:
        return super().look_ahead(cond - cond.mean(0))


class AheadUndeclared(Ahead):
    """A step takes more channels than it says."""

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__(spec)
        self.step_cond_channels = None

"""Tiers of recurrent layers at ever slower clocks, for raw audio.

The frame is SaShiMi's (Goel et al. 2022): each tier pools a window of the faster one, and what it
makes of it comes back one window later, so that nothing looks ahead. The layers are gated linear
recurrent units (De et al. 2024, section 2.4) of complex numbers (Orvieto et al. 2023):

    h <- a exp(i w) h + sqrt(1 - a^2) g u        a = exp(-8 softplus(rate) sigmoid(forget))

Dimensions: B batch, T steps, E event shape, P head parameters, W width of a tier, L its layers, N
complex units of a layer, k steps that are pooled.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import state as trees
from ..layers.complex_scan import complex_scan, complex_step
from ..layers.embedding import EventEmbedding, StaticEmbedding
from ..layers.feed_forward import GatedFeedForward, weight
from ..model import SequenceModel, SequenceSpec
from .multiscale_config import MultiscaleConfig

_EPS = 1e-6
_SHARPNESS = 8.0  # c of De et al. 2024, equation 4
_SLOWEST = 1e-5
"""Every unit forgets at least this share a step: the root of 1 - a^2 has no slope at a = 1."""


class MultiscaleState(NamedTuple):
    """The memory of B voices."""

    clock: Tensor
    """`(B,)` symbols seen."""
    hidden: tuple[Tensor, ...]
    """Of each tier, the units of all its layers `(B, L, 2, N)`."""
    windows: tuple[Tensor, ...]
    """Of each tier but the slowest, its last inputs `(B, k, W)`, the newest last."""
    coming: tuple[Tensor, ...]
    """Of each tier but the slowest, what the slower one adds to its next inputs `(B, k, W)`."""
    static: Tensor
    """`(B, W)` what the static condition adds to each embedding."""


class Multiscale(SequenceModel[MultiscaleState]):
    """Symbols, or real values, in; parameters of the next ones out."""

    receptive_field = None

    def __init__(self, config: MultiscaleConfig, spec: SequenceSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.embedding = EventEmbedding(spec, config.width)
        self.static = StaticEmbedding(spec, config.width)
        widths = config.widths
        self.tiers = nn.ModuleList(Tier(config, tier) for tier in range(len(widths)))
        self.down, self.up = nn.ParameterList(), nn.ParameterList()
        for pool, fast, slow in zip(config.pools, widths, widths[1:], strict=False):
            self.down.append(weight(pool * fast, slow))
            self.up.append(weight(slow, pool * fast))
        self.output = nn.Linear(config.width, spec.n_params)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """All steps at once: `(B, T, *E)` to `(B, T, P)`."""
        return self.tail(x, x.shape[1], cond, static)

    def tail(
        self, x: Tensor, keep: int, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The last `keep` steps of `forward`."""
        h, _ = self._pass(x, self.init_state(len(x), static), cond, 0)
        return self.output(h[:, -keep:])

    def init_state(self, batch: int, static: Tensor | None = None) -> MultiscaleState:
        """Silent units and windows, nothing to come, and what the static condition adds."""
        like, config = self.output.bias, self.config
        windows = [
            (batch, pool, width) for pool, width in zip(config.pools, config.widths, strict=False)
        ]
        wide = torch.promote_types(like.dtype, torch.float32)  # a half forgets what is slow
        return MultiscaleState(
            torch.zeros(batch, dtype=torch.int64, device=like.device),
            tuple(
                like.new_zeros(batch, n_layers, 2, config.state * width, dtype=wide)
                for n_layers, width in zip(config.layers, config.widths, strict=True)
            ),
            tuple(like.new_zeros(shape) for shape in windows),
            tuple(like.new_zeros(shape) for shape in windows),
            self.static.bias(batch, static, like),
        )

    def step(
        self, x: Tensor, state: MultiscaleState, cond: Tensor | None = None
    ) -> tuple[Tensor, MultiscaleState]:
        """One symbol `(B, *E)` to `(B, P)`."""
        pools, tiers = self.config.pools, self._tiers()
        hidden, windows, coming = list(state.hidden), list(state.windows), list(state.coming)
        h, turn, outs = self.embedding(x, cond) + state.static, None, list[Tensor]()
        for i, tier in enumerate(tiers):
            added = h if tier is tiers[-1] else h + state.coming[i][:, 0]
            out, after = tier.step(added, state.hidden[i])
            outs.append(out)
            hidden[i] = _where(turn, after, state.hidden[i])
            if i > 0:
                spread = (out @ self.up[i - 1]).unflatten(1, (pools[i - 1], -1))
                coming[i - 1] = _where(turn, spread, coming[i - 1])
            if tier is not tiers[-1]:
                window = torch.cat([state.windows[i][:, 1:], h[:, None]], 1)
                rest = torch.cat([state.coming[i][:, 1:], state.coming[i][:, -1:]], 1)
                windows[i] = _where(turn, window, state.windows[i])
                coming[i] = _where(turn, rest, state.coming[i])
                h = window.flatten(1) @ self.down[i]
                turn = torch.remainder(state.clock + 1, math.prod(pools[: i + 1])) == 0
        after_all = (state.clock + 1, tuple(hidden), tuple(windows), tuple(coming), state.static)
        return self.output(outs[0]), MultiscaleState(*after_all)

    def prefill(
        self, x: Tensor, state: MultiscaleState, cond: Tensor | None = None
    ) -> tuple[Tensor, MultiscaleState]:
        """One parallel pass over `(B, T, *E)` for all voices whose windows begin together."""
        if x.shape[1] == 0:
            raise ValueError("prefill needs at least one symbol, got T = 0")
        phase = torch.remainder(state.clock, self.config.period)
        outs, states, order = list[Tensor](), list[MultiscaleState](), list[Tensor]()
        for offset in phase.unique().tolist():
            rows = (phase == offset).nonzero()[:, 0]
            some = None if cond is None else cond[rows]
            h, after = self._pass(x[rows], trees.select(state, rows), some, offset)
            outs.append(self.output(h[:, -1]))
            states.append(after)
            order.append(rows)
        back = torch.cat(order).argsort()
        return torch.cat(outs)[back], trees.select(trees.merge(states), back)

    def hidden_weights(self) -> list[nn.Parameter]:
        """The projections of all layers, and those between tiers."""
        inner = [
            w for tier in self._tiers() for unit in tier.units() for w in unit.hidden_weights()
        ]
        return [*inner, *self.down, *self.up]

    def _tiers(self) -> list[Tier]:
        return [tier for tier in self.tiers if isinstance(tier, Tier)]

    def _pass(
        self, x: Tensor, state: MultiscaleState, cond: Tensor | None, clock: int
    ) -> tuple[Tensor, MultiscaleState]:
        """`(B, T, W)` of the fastest tier and the state after it; every voice's clock is `clock`,
        but for whole periods of the slowest tier.
        """
        pools, tiers = self.config.pools, self._tiers()
        h = self.embedding(x, cond) + state.static[:, None]
        inputs, windows, filled = [h], list[Tensor](), list[int]()
        for i, pool in enumerate(pools):
            filled.append(clock // math.prod(pools[:i]) % pool)
            seen = torch.cat([state.windows[i], h.to(state.windows[i].dtype)], 1)
            windows.append(seen[:, -pool:])
            whole = seen[:, pool - filled[i] :]
            n_windows = whole.shape[1] // pool
            parts = whole[:, : n_windows * pool].reshape(len(x), n_windows, pool * h.shape[2])
            h = (parts @ self.down[i]).to(h.dtype)  # under autocast too
            inputs.append(h)
        out, after = tiers[-1](inputs[-1], state.hidden[-1])
        hidden, coming = [after], list[Tensor]()
        for i in reversed(range(len(pools))):
            pool, h = pools[i], inputs[i]
            spread = (out @ self.up[i]).reshape(len(x), out.shape[1] * pool, h.shape[2])
            added = torch.cat([state.coming[i][:, : pool - filled[i]], spread], 1)
            rest = added[:, h.shape[1] :]
            coming.append(F.pad(rest, (0, 0, 0, pool - rest.shape[1])))
            out, after = tiers[i](h + added[:, : h.shape[1]], state.hidden[i])
            hidden.append(after)
        return out, MultiscaleState(
            state.clock + x.shape[1],
            tuple(reversed(hidden)),
            tuple(windows),
            tuple(reversed(coming)),
            state.static,
        )


class Tier(nn.Module):
    """The layers that share a clock."""

    def __init__(self, config: MultiscaleConfig, tier: int) -> None:
        super().__init__()
        n_layers, width = config.layers[tier], config.widths[tier]
        self.layers = nn.ModuleList(Unit(config, width, n_layers) for _ in range(n_layers))
        self.norm = nn.RMSNorm(width, _EPS)

    def forward(self, h: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """`(B, T, W)` from `hidden` `(B, L, 2, N)` to `(B, T, W)` and the hidden after it."""
        if h.shape[1] == 0:  # no window was full
            return h, hidden
        after = list[Tensor]()
        for unit, before in zip(self.units(), hidden.unbind(1), strict=True):
            normed = unit.norm(h)
            decay, driven = unit.terms(normed)
            states = complex_scan(decay, unit.phase, driven, before)
            h = unit.leave(h, normed, states)
            after.append(states[:, -1])
        return self.norm(h), torch.stack(after, 1)

    def step(self, h: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The same for one step `(B, W)`."""
        after = list[Tensor]()
        for unit, before in zip(self.units(), hidden.unbind(1), strict=True):
            normed = unit.norm(h)
            decay, driven = unit.terms(normed)
            now = complex_step(decay, unit.phase, driven, before)
            h = unit.leave(h, normed, now)
            after.append(now)
        return self.norm(h), torch.stack(after, 1)

    def units(self) -> list[Unit]:
        """The layers, in order."""
        return [unit for unit in self.layers if isinstance(unit, Unit)]


class Unit(nn.Module):
    """What one layer does around its recurrence; its inputs may have any leading dimensions."""

    def __init__(self, config: MultiscaleConfig, width: int, n_layers: int) -> None:
        super().__init__()
        n_units, hidden = config.state * width, round(config.feed_forward * width)
        deep = math.sqrt(2 * n_layers)  # so that the residual stream does not grow with depth
        self.dropout = config.dropout
        self.norm = nn.RMSNorm(width, _EPS)
        self.enter, self.gate = weight(width, 2 * n_units), weight(width, 2 * n_units)
        self.mix = weight(2 * n_units, width, deep)
        self.forget, self.admit = nn.Linear(width, n_units), nn.Linear(width, n_units)
        # Memories of 10 to 1,000 steps, and frequencies of all octaves.
        share = torch.linspace(0, 1, n_units)
        slow = 10.0 ** (-1 - 2 * share[torch.randperm(n_units)])
        self.rate = nn.Parameter((2 * slow / _SHARPNESS).expm1().log())
        self.phase = nn.Parameter(math.pi * 300 ** (share - 1))
        self.feed_forward = GatedFeedForward(width, hidden, deep) if hidden else None
        self.ff_norm = nn.RMSNorm(width, _EPS) if hidden else None

    def terms(self, normed: Tensor) -> tuple[Tensor, Tensor]:
        """The decay `(..., N)` and what drives the units `(..., 2, N)`."""
        forget = self.forget(normed).sigmoid()
        log_decay = -_SHARPNESS * F.softplus(self.rate) * forget - _SLOWEST
        # The root keeps a unit's variance that of its input, however slow it is.
        size = (-(2 * log_decay).expm1()).sqrt() * self.admit(normed).sigmoid()
        driven = size[..., None, :] * (normed @ self.enter).unflatten(-1, (2, -1))
        return log_decay.exp(), driven

    def leave(self, h: Tensor, normed: Tensor, states: Tensor) -> Tensor:
        """The residual stream after what the units say, `(..., 2, N)`, and the feed-forward."""
        opened = states.to(h.dtype).flatten(-2) * F.silu(normed @ self.gate)
        h = h + self._dropped(opened @ self.mix)
        if self.feed_forward is None or self.ff_norm is None:
            return h
        return h + self._dropped(self.feed_forward(self.ff_norm(h)))

    def hidden_weights(self) -> list[nn.Parameter]:
        """The projections; what a unit admits and forgets is for AdamW."""
        found = [self.enter, self.gate, self.mix]
        return found + ([] if self.feed_forward is None else self.feed_forward.hidden_weights())

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def _where(turn: Tensor | None, new: Tensor, old: Tensor) -> Tensor:
    """`new` in the rows whose turn it is; it always is a tier's turn where `turn` is None."""
    return new if turn is None else torch.where(turn.view(-1, *[1] * (new.dim() - 1)), new, old)

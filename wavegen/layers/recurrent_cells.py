"""Recurrent cells: Elman's net, LSTM and GRU, and the contract by which anybody's cell joins them.

All gates lie side by side in two matrices: what the input adds to them is one product for all
steps of a window, what the state adds is one product a step. Where torch.nn has the cell, its own
loop (cuDNN's on CUDA) runs a whole window.

Dimensions: T time, B batch, I inputs, H width, G gates, Z what a cell makes of an input.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .product import product

State = tuple[Tensor, ...]
"""`(B, H)` each; the first is what the cell puts out."""


class Cell(nn.Module, ABC):
    """One recurrent layer. A cell of your own needs `step` alone; the rest makes it faster."""

    n_states = 1
    """How many tensors `(B, H)` it remembers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def init_state(self, batch: int) -> State:
        """Zeros."""
        like = next(self.parameters())
        return tuple(like.new_zeros(batch, self.width) for _ in range(self.n_states))

    def drive(self, x: Tensor) -> Tensor:
        """What needs no state, of one step or all: `(..., I)` to the `(..., Z)` of `step`."""
        return x

    @abstractmethod
    def step(self, z: Tensor, state: State) -> State:
        """`(B, Z)` and the state before to the state after."""

    def begin(self) -> Callable[[Tensor, State], State]:
        """The `step` of one window; override it to draw what is random but the same throughout."""
        return self.step

    def scan(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        """All of `(T, B, I)` to `(T, B, H)` and the state after; None if it has no faster way."""
        return None

    def hidden_weights(self) -> list[nn.Parameter]:
        """Weights `(inputs, outputs)` between hidden channels."""
        return []


class GatedCell(Cell):
    """What the three known cells share: their weights, and torch.nn's loops over a window."""

    def __init__(
        self, n_gates: int, inputs: int, width: int, recurrent_dropout: float, *, norms: bool
    ) -> None:
        super().__init__(width)
        self.recurrent_dropout = recurrent_dropout
        n = n_gates * width
        self.input_weight = nn.Parameter(torch.randn(inputs, n) / math.sqrt(inputs))
        square = [nn.init.orthogonal_(torch.empty(width, width)) for _ in range(n_gates)]
        self.state_weight = nn.Parameter(torch.cat(square, 1))
        self.bias = nn.Parameter(torch.zeros(n))
        # Ba et al. 2016, equations 20 to 25: both products are normalised, each with gains.
        self.input_norm = nn.LayerNorm(n, bias=False) if norms else None
        self.state_norm = nn.LayerNorm(n, bias=False) if norms else None

    def drive(self, x: Tensor) -> Tensor:
        """What the input adds to all gates: `(..., G * H)`."""
        rows = x.flatten(0, -2)
        if self.input_norm is None:
            z = product(rows, self.input_weight, self.bias)
        else:
            z = self.input_norm(product(rows, self.input_weight)) + self.bias
        return z.unflatten(0, x.shape[:-1])

    def step(self, z: Tensor, state: State) -> State:
        """One step with all weights."""
        return self.update(z, state, self.state_weight)

    def begin(self) -> Callable[[Tensor, State], State]:
        """In training some of the state's weights are left out, the same ones at every step."""
        return partial(self.update, weight=self._thinned())

    @abstractmethod
    def update(self, z: Tensor, state: State, weight: Tensor) -> State:
        """One step with the given weights `(H, G * H)` of the state."""

    def hidden_weights(self) -> list[nn.Parameter]:
        """Both matrices."""
        return [self.input_weight, self.state_weight]

    def from_state(self, h: Tensor, weight: Tensor, add: Tensor) -> Tensor:
        """What the state adds to all gates, plus `add`."""
        if self.state_norm is None:
            return torch.addmm(add, h, weight)
        return self.state_norm(h @ weight) + add

    def scan_by(
        self, loop: Callable[..., Any], x: Tensor, state: State, state_bias: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """One of torch.nn's loops."""
        zeros = torch.zeros_like(self.bias)
        parts = (
            self.input_weight.t(),
            self._thinned().t(),
            self.bias,
            zeros if state_bias is None else state_bias,
        )
        with _no_autocast_on_cpu(x):
            x = x.to(self.bias.dtype) if x.device.type == "cpu" else x
            before = [leaf[None].contiguous() for leaf in state]
            # cuDNN wants its weights in one piece, and a "training mode" to keep what gradients
            # need; there is no dropout inside that would depend on it.
            outs, *after = loop(
                x,
                before if len(before) > 1 else before[0],
                _in_one_piece(parts) if x.device.type == "cuda" else parts,
                True,  # has biases
                1,  # layer
                0.0,  # dropout
                torch.is_grad_enabled(),
                False,  # bidirectional
                False,  # batch first
            )
        return outs, tuple(leaf[0].to(old.dtype) for leaf, old in zip(after, state, strict=True))

    def _thinned(self) -> Tensor:
        """DropConnect on the state's weights (Merity et al. 2018, section 2)."""
        return F.dropout(self.state_weight, self.recurrent_dropout, self.training)


class Elman(GatedCell):
    """h = f(W x + U h + b) (Elman 1990); its norm is over the sum (Ba et al. 2016, equation 4)."""

    def __init__(
        self,
        inputs: int,
        width: int,
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(1, inputs, width, recurrent_dropout, norms=False)
        self.activation = activation
        self.norm = nn.LayerNorm(width) if layer_norm else None

    def update(self, z: Tensor, state: State, weight: Tensor) -> State:
        """One step."""
        a = torch.addmm(z, state[0], weight)
        a = a if self.norm is None else self.norm(a)
        return (a.tanh() if self.activation == "tanh" else a.relu(),)

    def scan(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        """torch.nn.RNN's loop."""
        if self.norm is not None:
            return None
        loop = torch.rnn_tanh if self.activation == "tanh" else torch.rnn_relu
        return self.scan_by(loop, x, state)


class LSTM(GatedCell):
    """Long short-term memory (Hochreiter 1997) with forget gates (Gers 2000), in torch.nn's order:
    input, forget, cell, output. The forget bias starts at 1 (Jozefowicz et al. 2015).
    """

    n_states = 2

    def __init__(
        self,
        inputs: int,
        width: int,
        *,
        peepholes: bool = False,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(4, inputs, width, recurrent_dropout, norms=layer_norm)
        with torch.no_grad():
            self.bias[width : 2 * width].fill_(1)
        self.cell_norm = nn.LayerNorm(width) if layer_norm else None
        # Gers and Schmidhuber 2000: the gates see the cell, each unit its own.
        self.peephole = nn.Parameter(torch.zeros(3 * width)) if peepholes else None

    def update(self, z: Tensor, state: State, weight: Tensor) -> State:
        """One step; the state is (h, c)."""
        h, c = state
        n = self.width
        z = self.from_state(h, weight, z)
        into, g, out = z[:, : 2 * n], z[:, 2 * n : 3 * n], z[:, 3 * n :]
        if self.peephole is not None:
            into = into + self.peephole[: 2 * n] * torch.cat([c, c], 1)
        i, f = into.sigmoid().chunk(2, 1)
        c = f * c + i * g.tanh()
        if self.peephole is not None:
            out = out + self.peephole[2 * n :] * c
        shown = c if self.cell_norm is None else self.cell_norm(c)
        return out.sigmoid() * shown.tanh(), c

    def scan(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        """torch.nn.LSTM's loop."""
        if self.peephole is not None or self.state_norm is not None:
            return None
        return self.scan_by(torch.lstm, x, state)


class GRU(GatedCell):
    """Gated recurrent unit (Cho et al. 2014) as cuDNN has it: the reset gate acts on the state's
    product. Gates in torch.nn's order: reset, update, new.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        *,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(3, inputs, width, recurrent_dropout, norms=layer_norm)
        self.new_bias = nn.Parameter(torch.zeros(width))

    def update(self, z: Tensor, state: State, weight: Tensor) -> State:
        """One step."""
        (h,), n = state, 2 * self.width
        s = self.from_state(h, weight, self._state_bias())
        r, u = (z[:, :n] + s[:, :n]).sigmoid().chunk(2, 1)
        new = (z[:, n:] + r * s[:, n:]).tanh()
        return (new + u * (h - new),)

    def scan(self, x: Tensor, state: State) -> tuple[Tensor, State] | None:
        """torch.nn.GRU's loop."""
        if self.state_norm is not None:
            return None
        return self.scan_by(torch.gru, x, state, self._state_bias())

    def _state_bias(self) -> Tensor:
        """The state's own bias, which only the new value has: before others it would be idle."""
        return F.pad(self.new_bias, (2 * self.width, 0))


def _no_autocast_on_cpu(x: Tensor) -> AbstractContextManager[Any]:
    """On CUDA the loops know autocast; on a CPU they would mix their types."""
    return torch.autocast("cpu", enabled=False) if x.device.type == "cpu" else nullcontext()


def _in_one_piece(parts: tuple[Tensor, ...]) -> list[Tensor]:
    """The same tensors as parts of one."""
    flat = torch.cat([part.reshape(-1) for part in parts])
    split = flat.split([part.numel() for part in parts])
    return [piece.view(part.shape) for piece, part in zip(split, parts, strict=True)]

"""Models as users write them, with no thought of a compiler: what lowering is tested on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavegen.model import SequenceModel, SequenceSpec

CLASSES = 11
SPEC = SequenceSpec(n_params=CLASSES, n_classes=CLASSES)


class Stepped(SequenceModel[Any]):
    """A model that only has a step; the rest is folded from it."""

    receptive_field = None

    def __init__(self, spec: SequenceSpec = SPEC) -> None:
        super().__init__()
        self.spec = spec

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        state, outs = self.init_state(len(x), static), []
        for t in range(x.shape[1]):
            out, state = self.step(x[:, t], state, None if cond is None else cond[:, t])
            outs.append(out)
        return torch.stack(outs, 1)

    @abstractmethod
    def step(self, x: Tensor, state: Any, cond: Tensor | None = None) -> tuple[Tensor, Any]: ...


class Expression(Stepped):
    """`params = f(x, clock)` of 12 real values, with a clock as its only state."""

    def __init__(self, f: Callable[[Tensor, Tensor], Tensor], weight: Tensor | None = None) -> None:
        with torch.no_grad():
            n = f(torch.ones(1, 12), torch.zeros(1, dtype=torch.int64)).numel()
        super().__init__(SequenceSpec(n_params=n, n_classes=None, event_shape=(12,)))
        self.f = f

    def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
        return torch.zeros(batch, dtype=torch.int64)

    def step(self, x: Tensor, state: Tensor, cond: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.f(x, state).flatten(1).float(), state + 1


class GatedNormGRU(Stepped):
    """A GRU of somebody's own: layer norm in every gate, a highway gate, tied output."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, width)
        self.x_gates = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.h_gates = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(3))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.highway = nn.Linear(2 * width, width)
        self.sharpness = nn.Parameter(torch.tensor(1.3))

    def init_state(self, batch: int, static: Tensor | None = None) -> dict[str, Tensor]:
        return {"h": torch.zeros(batch, self.embedding.embedding_dim)}

    def step(
        self, x: Tensor, state: dict[str, Tensor], cond: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        e, h = self.embedding(x), state["h"]
        r, z = (
            torch.sigmoid(norm(wx(e) + wh(h)))
            for wx, wh, norm in zip(self.x_gates, self.h_gates, self.norms[:2], strict=False)
        )
        new = torch.tanh(self.norms[2](self.x_gates[2](e) + r * self.h_gates[2](h)))
        h = torch.lerp(new, h, z)
        open_ = F.hardtanh(self.highway(torch.cat([h, e], -1)) * self.sharpness, 0.0, 1.0)
        out = open_ * F.gelu(h) + (1 - open_) * e
        return out @ self.embedding.weight.t() / out.shape[-1] ** 0.5, {"h": h}


class TorchCells(Stepped):
    """An LSTM cell over a GRU cell, as torch.nn has them."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, width)
        self.gru, self.lstm = nn.GRUCell(width, width), nn.LSTMCell(width, 2 * width)
        self.out = nn.Linear(2 * width, CLASSES)

    def init_state(self, batch: int, static: Tensor | None = None) -> tuple[Tensor, ...]:
        width = self.gru.hidden_size
        return tuple(torch.zeros(batch, n) for n in (width, 2 * width, 2 * width))

    def step(
        self, x: Tensor, state: tuple[Tensor, ...], cond: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        h, g, c = state
        h = self.gru(self.embedding(x), h)
        g, c = self.lstm(h, (g, c))
        return self.out(g), (h, g, c)


class TorchLayers(Stepped):
    """nn.GRU and nn.LSTM with two layers each, called with one step."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, width)
        self.gru = nn.GRU(width, width, num_layers=2, batch_first=True)
        self.lstm = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.out = nn.Linear(width, CLASSES)

    def init_state(self, batch: int, static: Tensor | None = None) -> list[Tensor]:
        return [torch.zeros(batch, 2, self.gru.hidden_size) for _ in range(3)]

    def step(
        self, x: Tensor, state: list[Tensor], cond: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        h, g, c = (leaf.transpose(0, 1).contiguous() for leaf in state)
        y, h = self.gru(self.embedding(x)[:, None], h)
        y, (g, c) = self.lstm(y, (g, c))
        return self.out(y[:, 0]), [leaf.transpose(0, 1) for leaf in (h, g, c)]


class Attention(NamedTuple):
    """Linear attention's memory."""

    s: Tensor
    z: Tensor


class LinearAttention(Stepped):
    """Katharopoulos et al. 2020 as an RNN: sums of outer products, heads, feed-forward, norms."""

    def __init__(self, width: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.embedding = nn.Embedding(CLASSES, width)
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.norm, self.mix = nn.LayerNorm(width), nn.Linear(width, width)
        self.ff = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.out = nn.Linear(width, CLASSES)

    def init_state(self, batch: int, static: Tensor | None = None) -> Attention:
        d = self.q.out_features // self.heads
        return Attention(torch.zeros(batch, self.heads, d, d), torch.zeros(batch, self.heads, d))

    def step(
        self, x: Tensor, state: Attention, cond: Tensor | None = None
    ) -> tuple[Tensor, Attention]:
        h = self.embedding(x)
        n = self.norm(h)
        q, k, v = (part(n).unflatten(-1, (self.heads, -1)) for part in (self.q, self.k, self.v))
        q, k = F.elu(q) + 1, F.elu(k) + 1
        s = state.s + torch.einsum("bhd,bhm->bhdm", k, v)
        z = state.z + k
        read = torch.einsum("bhd,bhdm->bhm", q, s) / (q * z).sum(-1, keepdim=True)
        h = h + self.mix(read.flatten(1))
        return self.out(h + self.ff(h)), Attention(s, z)


class Windowed(Stepped):
    """A shifted window under a dilated Conv1d, with groups: what many write first."""

    def __init__(self, width: int = 6, window: int = 7) -> None:
        super().__init__()
        self.window = window
        self.embedding = nn.Embedding(CLASSES, width)
        self.conv = nn.Conv1d(width, 2 * width, 4, dilation=2, groups=2)
        self.out = nn.Linear(2 * width, CLASSES)

    def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
        return torch.zeros(batch, self.embedding.embedding_dim, self.window)

    def step(self, x: Tensor, state: Tensor, cond: Tensor | None = None) -> tuple[Tensor, Tensor]:
        state = torch.cat([state[..., 1:], self.embedding(x)[..., None]], -1)
        return self.out(self.conv(state)[..., 0].relu()), state


class OwnRing(Stepped):
    """A ring buffer of somebody's own, written in place by index, read at a lag, and rolled."""

    def __init__(self, width: int = 5, length: int = 6) -> None:
        super().__init__()
        self.length = length
        self.embedding = nn.Embedding(CLASSES, width)
        self.out = nn.Linear(3 * width, CLASSES)

    def init_state(self, batch: int, static: Tensor | None = None) -> dict[str, Tensor]:
        width = self.embedding.embedding_dim
        return {
            "clock": torch.zeros(batch, dtype=torch.int64),
            "ring": torch.zeros(batch, self.length, width),
            "line": torch.zeros(batch, 3, width),
        }

    def step(
        self, x: Tensor, state: dict[str, Tensor], cond: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        e, clock, ring = self.embedding(x), state["clock"], state["ring"]
        rows = torch.arange(len(x))
        ring[rows, clock % self.length] = e
        old = ring[rows, (clock - 4) % self.length]
        line = torch.roll(state["line"], 1, 1)
        line[:, 0] = old
        out = self.out(torch.cat([e, old, line[:, -1]], -1))
        return out, {"clock": clock + 1, "ring": ring, "line": line}


class EverySecond(Stepped):
    """A slow state that only changes at even steps, and two states that change places."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, width)
        self.mix, self.out = nn.Linear(2 * width, width), nn.Linear(3 * width, CLASSES)

    def init_state(self, batch: int, static: Tensor | None = None) -> tuple[Tensor, ...]:
        n = self.embedding.embedding_dim
        clock = torch.zeros(batch, dtype=torch.int64)
        return clock, torch.zeros(batch, n), torch.ones(batch, n), torch.zeros(batch, n)

    def step(
        self, x: Tensor, state: tuple[Tensor, ...], cond: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        clock, slow, a, b = state
        e = self.embedding(x)
        new = torch.tanh(self.mix(torch.cat([e, slow], -1)))
        slow = torch.where((clock % 2 == 0)[:, None], new, slow)
        out = self.out(torch.cat([e, slow, a], -1))
        return out, (clock + 1, slow, b, a + 0.1 * e)


class OneStepLate(Stepped):
    """Gives what it computed a step ago, straight from its state."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(CLASSES, CLASSES)

    def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
        return torch.zeros(batch, CLASSES)

    def step(self, x: Tensor, state: Tensor, cond: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return state, self.table(x)


MODELS = (
    OneStepLate,
    GatedNormGRU,
    TorchCells,
    TorchLayers,
    LinearAttention,
    Windowed,
    OwnRing,
    EverySecond,
)

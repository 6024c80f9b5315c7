"""A real value drawn from bins: any shape of distribution, with every control of classes.

Dimensions: B batch, K bins; P = K logits.
"""

from __future__ import annotations

import heapq
import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ..sampling import ControlBatch, sample
from .head import Head
from .missing import filled


class Binned(Head):
    """One of K bins, and inside of it all places alike: a density of K steps.

    Values outside the edges count as those of the edge bins, so that a stray one costs no fortune.
    In forecasting, bins do as well as any family of distributions (Rabanser et al. 2020).
    """

    edges: Tensor
    n_uniforms = 2

    def __init__(self, edges: Tensor) -> None:
        """`edges` `(K + 1)` increase; they are stored with the weights."""
        super().__init__()
        edges = edges.detach().to(torch.float32).clone()
        if edges.dim() != 1 or len(edges) < 2 or not _increase(edges):
            raise ValueError(
                "edges are 2 or more finite numbers in increasing order in float32, "
                f"got {edges.flatten()[:8].tolist()} of shape {tuple(edges.shape)}"
            )
        self.register_buffer("edges", edges)
        self.n_params = len(edges) - 1

    @property
    def draws_classes(self) -> bool:
        """The bins are classes."""
        return True

    def bins(self, x: Tensor) -> Tensor:
        """The bin of each value: real to int64, of any shape; a bin holds its lower edge."""
        return torch.bucketize(x.float().contiguous(), self.edges[1:-1], right=True)

    def nll(self, params: Tensor, x: Tensor) -> Tensor:
        """-log density in nats: that of the bin, and the logarithm of its width."""
        x, absent = filled(x.float())
        places = self.bins(x)
        flat = F.cross_entropy(
            params.reshape(-1, self.n_params).float(), places.reshape(-1), reduction="none"
        )
        nats = flat.view(x.shape) + self.edges.diff().log()[places]
        return nats.masked_fill(absent, 0)

    def draw(self, params: Tensor, noise: Tensor, controls: ControlBatch) -> Tensor:
        """One uniform picks the bin under all controls, the other is the place inside.

        The temperature sharpens the density, so it does not favour wide bins. Below 1 it also draws
        the place inside towards the middle of the bin, where 0 puts it.
        """
        warm = controls.temperature
        width = self.edges.diff()
        # log of width * (p / width) ** (1 / temperature), of which `sample` does the division.
        logits = params.float() + (warm[:, None] - 1) * width.log()
        chosen = sample(logits, noise[:, 0], controls)
        inside = 0.5 + (noise[:, 1] - 0.5) * warm.clamp_max(1)
        lower = self.edges[:-1].index_select(0, chosen)
        return lower + width.index_select(0, chosen) * inside

    def extra_repr(self) -> str:
        """Shown by `print(model)`."""
        return f"{self.n_params} bins from {self.edges[0]:.4g} to {self.edges[-1]:.4g}"


def uniform_edges(n: int, limit: float) -> Tensor:
    """`(n + 1)` edges of n bins of one width on [-limit, limit]."""
    return torch.linspace(-limit, limit, n + 1, dtype=torch.float64).float()


def mu_law_edges(n: int, limit: float, mu: float = 255.0) -> Tensor:
    """`(n + 1)` edges of n bins on [-limit, limit] that are finer near 0 (ITU-T G.711's curve)."""
    u = torch.linspace(-1, 1, n + 1, dtype=torch.float64)
    return (limit * u.sign() * torch.expm1(u.abs() * math.log1p(mu)) / mu).float()


def quantile_edges(values: Tensor, n: int) -> Tensor:
    """`(n + 1)` edges of n bins that hold about as many of the finite `values` each.

    A value that occurs more often than that takes up several edges. Those are used to halve the
    widest bins instead. Raises `ValueError` where there is no finite value, or no room for n bins.
    """
    known = values[values.isfinite()].double()
    if n < 1 or not len(known):
        raise ValueError(f"{len(known)} finite values cannot be shared among {n} bins")
    ranked = known.sort().values
    places = torch.linspace(0, 1, n + 1, dtype=torch.float64) * (len(ranked) - 1)
    below = places.floor().long().clamp_max(max(len(ranked) - 2, 0))
    above = (below + 1).clamp_max(len(ranked) - 1)
    edges = torch.lerp(ranked[below], ranked[above], places - below).float().unique()
    if len(edges) == 1:
        reach = edges.abs() if edges.ne(0) else torch.ones(1)
        edges = torch.cat([edges - reach, edges + reach])
    return _halved(edges, n)


def _halved(edges: Tensor, n: int) -> Tensor:
    """Edges of n bins: the widest bin is halved until there are as many."""
    places = edges.double().tolist()
    widest = [(a - b, a, b) for a, b in pairwise(places)]
    heapq.heapify(widest)
    for _ in range(n + 1 - len(places)):
        _, a, b = heapq.heappop(widest)
        middle = (a + b) / 2
        places.append(middle)
        heapq.heappush(widest, (a - middle, a, middle))
        heapq.heappush(widest, (middle - b, middle, b))
    found = torch.tensor(places, dtype=torch.float64).sort().values.float()
    if not _increase(found):
        raise ValueError(f"no room for {n} bins from {places[0]:.6g} to {max(places):.6g}")
    return found


def _increase(edges: Tensor) -> bool:
    return bool(edges.isfinite().all() and (edges.diff() > 0).all())

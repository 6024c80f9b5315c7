"""Bins: their edges, where a value falls, how often each is drawn, what the controls do."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.quasirandom import SobolEngine

from wavegen.controls import Controls
from wavegen.heads import Binned, mu_law_edges, quantile_edges, uniform_edges
from wavegen.sampling import ControlBatch

FEW = settings(max_examples=25)

some_edges = st.one_of(
    st.builds(uniform_edges, st.integers(1, 40), st.floats(1e-3, 1e6)),
    st.builds(mu_law_edges, st.integers(1, 40), st.floats(1e-3, 1e6), st.floats(1, 500)),
    st.lists(st.integers(-1000, 1000), min_size=2, max_size=40, unique=True).map(
        lambda places: torch.tensor(sorted(places)) / 8
    ),
)


def drawn(head: Binned, params: Tensor, noise: Tensor, **controls: float) -> Tensor:
    batch = ControlBatch.of([Controls(**controls)] * len(noise))  # pyright: ignore[reportArgumentType]
    return head.draw(params.expand(len(noise), -1), noise, batch)


def logits(head: Binned, seed: int) -> Tensor:
    return torch.randn(head.n_params, generator=torch.Generator().manual_seed(seed))


def evenly(n: int) -> Tensor:
    """Points `(n, 2)` that fill the unit square evenly."""
    return SobolEngine(2).draw(n) * (1 - 1 / n) + 0.5 / n


@FEW
@given(edges=some_edges, seed=st.integers(0, 99), data=st.data())
def test_a_value_lies_in_its_bin(edges: Tensor, seed: int, data: st.DataObject) -> None:
    head = Binned(edges)
    low, high = edges[:-1], edges[1:]
    inside = st.floats(float(edges[0]), float(edges[-1]), width=32)
    x = torch.tensor(data.draw(st.lists(inside, min_size=1, max_size=20)))
    place = head.bins(x)
    assert (low[place] <= x).all()
    assert (x <= high[place]).all()
    assert torch.equal(head.bins(edges[:-1]), torch.arange(head.n_params)), "a bin's lower edge"
    beyond = torch.tensor([float(edges[0]) - 1, float(edges[-1]), float(edges[-1]) + 1e9])
    assert head.bins(beyond).tolist() == [0, head.n_params - 1, head.n_params - 1]


@FEW
@given(edges=some_edges, seed=st.integers(0, 99))
def test_the_density_adds_up_to_one_and_is_that_of_the_bin(edges: Tensor, seed: int) -> None:
    head, each = Binned(edges), 3
    params = logits(head, seed)
    inside = (torch.arange(each) + 0.5) / each
    x = edges[:-1, None] + edges.diff()[:, None] * inside
    density = (-head.nll(params.expand(*x.shape, -1), x)).exp()
    mass = density * edges.diff()[:, None] / each
    torch.testing.assert_close(mass.sum(1), params.softmax(0), rtol=1e-4, atol=1e-6)
    assert float(mass.sum()) == pytest.approx(1, abs=1e-4)
    edge = head.nll(params.expand(2, -1), torch.tensor([float(edges[0]) - 9, 2e9]))
    torch.testing.assert_close((-edge).exp(), density[[0, -1], 0])


@FEW
@given(edges=some_edges, seed=st.integers(0, 99))
def test_draws_fall_into_the_bins_at_their_rate(edges: Tensor, seed: int) -> None:
    head, n = Binned(edges), 4096
    params = logits(head, seed)
    x = drawn(head, params, evenly(n))
    # Rounding may put a draw on the edge of the next bin.
    where = head.bins(torch.nextafter(x, torch.zeros(n)))
    rates = torch.bincount(where, minlength=head.n_params) / n
    torch.testing.assert_close(rates, params.softmax(0), rtol=0, atol=5e-3)
    share = ((x - edges[where]) / edges.diff()[where]).sort().values
    torch.testing.assert_close(share, (torch.arange(n) + 0.5) / n, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("controls", "expected"),
    [
        ({"top_k": 1}, {2}),
        ({"top_k": 2}, {1, 2}),
        ({"top_p": 0.5}, {2}),
        ({"top_p": 0.7}, {1, 2}),
        ({"min_p": 0.4}, {1, 2}),
        ({"temperature": 0.0}, {0}),
        ({"temperature": 1e-4}, {0}),
        ({"temperature": 50.0}, {0, 1, 2}),
    ],
)
def test_controls_choose_among_the_bins(controls: dict[str, float], expected: set[int]) -> None:
    """Of 0.1, 0.3 and 0.6: the last bin is the likeliest, the first, narrow one the densest."""
    head = Binned(torch.tensor([-0.01, 0.01, 1.0, 4.0]))
    params = torch.tensor([0.1, 0.3, 0.6]).log()
    x = drawn(head, params, evenly(512), **controls)
    assert set(head.bins(x).tolist()) == expected
    if controls.get("temperature") == 0:
        assert x.unique().tolist() == [0.0], "the middle of the bin"


def test_the_temperature_sharpens_the_density() -> None:
    """At 1/2 it is squared: bins of 0.5 and 0.5, one of them half as wide, have 1/3 and 2/3."""
    head = Binned(torch.tensor([0.0, 2.0, 3.0]))
    x = drawn(head, torch.zeros(2), evenly(4096), temperature=0.5)
    assert float((x < 2).float().mean()) == pytest.approx(1 / 3, abs=2e-3)


def test_edges_travel_with_the_weights() -> None:
    there, here = Binned(mu_law_edges(5, 7.0)), Binned(uniform_edges(5, 1.0))
    here.load_state_dict(there.state_dict())
    x = torch.linspace(-8, 8, 50)
    params = logits(there, 0).expand(50, -1)
    assert torch.equal(here.nll(params, x), there.nll(params, x))


@pytest.mark.parametrize("n", [1, 2, 7, 256])
def test_edges_by_formula(n: int) -> None:
    for edges in (uniform_edges(n, 3.0), mu_law_edges(n, 3.0)):
        assert edges.shape == (n + 1,)
        torch.testing.assert_close(edges, -edges.flip(0))
        assert float(edges[-1]) == 3
        Binned(edges)
    # The bins are even in sign(x) log(1 + mu |x|) / log(1 + mu).
    curve = torch.log1p(255 * mu_law_edges(n, 1.0).abs()) / math.log(256)
    torch.testing.assert_close(curve, torch.linspace(-1, 1, n + 1).abs())


@FEW
@given(
    st.lists(
        st.one_of(
            st.sampled_from([0.0, 0.0, 1.0, -2.5, math.nan, math.inf]),
            st.floats(-1e4, 1e4, width=32),
        ),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 50),
)
def test_quantile_edges_increase_in_spite_of_ties(values: list[float], n: int) -> None:
    x = torch.tensor(values)
    known = x[x.isfinite()]
    assume(len(known))
    # Where all values are tiny, or close to each other, float32 has no room for many bins.
    assume(float(known.max() - known.min()) > 1e-3 or len(known.unique()) == 1)
    assume(len(known.unique()) > 1 or abs(float(known[0])) > 1e-30 or float(known[0]) == 0)
    edges = quantile_edges(x, n)
    head = Binned(edges)  # which refuses edges that do not increase
    assert head.n_params == n
    assert edges[0] <= known.min()
    assert edges[-1] >= known.max()
    assert len(known.unique()) == 1 or (edges[0], edges[-1]) == (known.min(), known.max())


@FEW
@given(st.integers(2, 20), st.integers(0, 99))
def test_quantile_bins_hold_as_many_values_each(n: int, seed: int) -> None:
    x = torch.randn(40 * n, generator=torch.Generator().manual_seed(seed)).exp()
    counts = torch.bincount(Binned(quantile_edges(x, n)).bins(x), minlength=n)
    assert int(counts.min()) >= 39
    assert int(counts.max()) <= 41


def test_what_is_no_edge_is_refused() -> None:
    for edges in ([0.0], [0.0, 0.0], [1.0, 0.0], [0.0, math.nan], [0.0, math.inf], [0.0, 1e-50]):
        with pytest.raises(ValueError, match="in increasing order in float32, got"):
            Binned(torch.tensor(edges, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"of shape \(2, 2\)"):
        Binned(torch.eye(2))
    with pytest.raises(ValueError, match="0 finite values cannot be shared among 5 bins"):
        quantile_edges(torch.tensor([math.nan]), 5)
    with pytest.raises(ValueError, match="no room for 9 bins from"):
        quantile_edges(torch.tensor([1.0, 1 + 2**-22]), 9)

"""Given notes are drawn as they are: any model, controls, seed, filters, engine and precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from wavegen_chorales.config import ChoralesConfig
from wavegen_chorales.domain import ChoralesDomain
from wavegen_chorales.grid import ChoraleGrid
from wavegen_chorales.model import RULED_OUT, Chorale
from wavegen_chorales.model_config import ChoraleConfig

from wavegen.controls import Controls
from wavegen.engines.choice import EngineOptions
from wavegen.native.binding import NativeUnavailable
from wavegen.native.library import builds
from wavegen.playing import TrainedModel
from wavegen.plugins import plugins

Make = Callable[[int, int], ChoraleGrid]

FILTERS = ("chorale-parallels", "chorale-ranges", "chorale-crossing", "chorale-scale-Eb")
TINY = ChoraleConfig(
    "recurrent", ("layers=1", "width=8", "embedding=6"), memory=12, gather=7, ahead=5
)
STEPS = 14


class Played(NamedTuple):
    """One way of playing one model."""

    domain: ChoralesDomain
    model: TrainedModel


def played(holds: bool, engine: str, precision: str) -> Played:
    """A model with weights so large that it is sure of itself, and wrong."""
    domain = ChoralesDomain(ChoralesConfig(holds=holds))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = domain.head()
        model = Chorale(TINY, domain.spec(head))
        with torch.no_grad():
            for weight in [*model.parameters(), *head.parameters()]:
                weight.add_(torch.randn_like(weight))
    rules = [plugins().filter(name).spec.build() for name in FILTERS]
    options = EngineOptions(engine, precision)
    return Played(domain, TrainedModel(model, head, domain, lead_in=2, options=options,
                                       filters=rules))  # fmt: skip


@pytest.fixture(
    scope="module",
    params=[
        (True, "torch", "float32"),
        (False, "torch", "float32"),
        (True, "native", "bfloat16"),
        pytest.param((True, "native", "float32"), marks=pytest.mark.slow),
        pytest.param((False, "native", "int8"), marks=pytest.mark.slow),
    ],
    ids=lambda way: f"{'held' if way[0] else 'pitches'}-{way[1]}-{way[2]}",
)
def way(request: pytest.FixtureRequest) -> Played:
    holds, engine, precision = request.param
    if engine == "native":
        try:
            builds()
        except NativeUnavailable as reason:
            pytest.skip(str(reason))
    return played(holds, engine, precision)


def told(domain: ChoralesDomain, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Any events `(T, 4)`, which of them are given `(T, 4)`, and the conditions that say so."""
    rng = np.random.default_rng(seed)
    events = rng.integers(0, domain._player.codec.n_classes, (STEPS, 4))
    is_given = rng.random((STEPS, 4)) < rng.random()  # in the order of the events
    grid = ChoraleGrid.of(np.full((STEPS, 4), 60))
    conditions = domain._conditions
    rows = conditions.give(conditions.rows(grid), events, is_given[:, (0, 2, 3, 1)])
    return torch.from_numpy(events), torch.from_numpy(is_given), torch.from_numpy(rows)


@settings(max_examples=12)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**62),
    st.builds(
        Controls,
        temperature=st.sampled_from([0.0, 1e-6, 0.9, 30.0, 1e20]),
        top_k=st.sampled_from([0, 2]),
        top_p=st.sampled_from([1.0, 0.5]),
        typical_p=st.sampled_from([1.0, 0.3]),
    ),
)
def test_given_notes_stay(way: Played, music: int, seed: int, controls: Controls) -> None:
    events, is_given, rows = told(way.domain, music)
    drawn = way.model.generate_symbols(2, steps=STEPS, seed=seed, controls=controls, cond=rows)
    for voice in drawn:
        assert torch.equal(voice[is_given], events[is_given])


def test_all_else_is_drawn(way: Played) -> None:
    """What is given to one voice is not forced upon the others."""
    _, is_given, rows = told(way.domain, 1)
    drawn = way.model.generate_symbols(8, steps=STEPS, controls=Controls(1e3), cond=rows)
    assert not is_given.all()
    assert (drawn != drawn[0]).any(0)[~is_given].float().mean() > 0.5


def test_given_notes_cost_nothing() -> None:
    """Their part of the loss is 0 and has no slope; that of the others is untouched."""
    domain, model = played(True, "torch", "float32")
    events, _, rows = told(domain, 3)
    everything = domain._conditions.give(
        rows.numpy(), events.numpy(), np.ones((STEPS, 4), np.bool_)
    )
    assert float(model.score_symbols(events, torch.from_numpy(everything)).abs().max()) == 0
    assert math.isfinite(float(model.score_symbols(events, rows).sum()))
    cond = model.model.look_ahead(torch.from_numpy(everything)[None])
    before = torch.cat([domain.start[None], events[:-1]])[None]
    loss = model.head.nll(model.model(before, cond), events[None]).sum()
    loss.backward()
    assert all(
        weight.grad is None or float(weight.grad.abs().max()) == 0
        for weight in model.model.parameters()
    )


@pytest.mark.parametrize("cut", [1, 6, STEPS])
def test_every_view_rules_out_the_same(cut: int) -> None:
    """forward, tail, prefill and step agree on what is out, and on all else."""
    domain, model = played(False, "torch", "float32")
    events, is_given, rows = told(domain, 5)
    chorale, x = model.model, events[None]
    with torch.no_grad():
        cond = chorale.look_ahead(rows[None])
        expected = chorale(x, cond)
        out, state = chorale.prefill(x[:, :cut], chorale.init_state(1), cond[:, :cut])
        views = {cut - 1: out}
        for t in range(cut, STEPS):
            views[t], state = chorale.step(x[:, t], state, cond[:, t])
        tail = chorale.tail(x, STEPS - cut + 1, cond)
    for t, params in views.items():
        torch.testing.assert_close(params, expected[:, t], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(tail[:, t - cut + 1], expected[:, t], rtol=1e-4, atol=1e-4)
    ruled_out = (expected[0] == RULED_OUT).sum(-1)
    assert torch.equal(ruled_out, 46 * is_given.sum(-1))


def test_without_the_condition_nothing_can_be_given() -> None:
    domain = ChoralesDomain(ChoralesConfig(conditions=("pos", "key")))
    assert not Chorale(TINY, domain.spec(domain.head())).keeps_given
    domain = ChoralesDomain(ChoralesConfig())
    assert Chorale(TINY, domain.spec(domain.head())).keeps_given

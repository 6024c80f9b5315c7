"""Sampling controls against a plain reference in Python floats, one class at a time."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields, replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from wavegen.controls import Controls
from wavegen.errors import ConfigError
from wavegen.sampling import ControlBatch, draw_class, probabilities

many = settings(max_examples=100)
numbers = st.floats(-30, 30, width=32)
rows = st.lists(numbers, min_size=1, max_size=12)
settings_ = st.builds(
    Controls,
    temperature=st.one_of(st.just(1.0), st.just(0.0), st.floats(0, 5)),
    top_k=st.integers(0, 14),
    top_p=st.one_of(st.just(1.0), st.floats(0, 1, exclude_min=True)),
    min_p=st.one_of(st.just(0.0), st.floats(0, 1)),
    typical_p=st.one_of(st.just(1.0), st.floats(0, 1, exclude_min=True)),
)


def weights_of(logits: list[float], controls: Controls) -> Tensor:
    """The weights `(N)` of one row."""
    return probabilities(torch.tensor([logits]), ControlBatch.of([controls]))[0]


def reference(logits: list[float], controls: Controls) -> dict[int, float]:
    """Class to probability after all controls, in the documented order."""
    kept = dict(enumerate(softmax(logits, controls.temperature)))
    if controls.top_k:
        kept = normalised(dict(sorted(kept.items(), key=by_share)[: controls.top_k]))
    if controls.top_p < 1:
        kept = normalised(held(sorted(kept.items(), key=by_share), controls.top_p))
    best = max(kept.values())
    kept = normalised({c: p for c, p in kept.items() if p >= controls.min_p * best})
    if controls.typical_p < 1:
        entropy = -sum(p * math.log(p) for p in kept.values() if p)
        ranked = sorted(kept.items(), key=lambda item: abs(-math.log(item[1] or 1e-38) - entropy))
        kept = normalised(held(ranked, controls.typical_p))
    return kept


def softmax(logits: list[float], temperature: float) -> list[float]:
    if temperature == 0:
        return [float(c == logits.index(max(logits))) for c in range(len(logits))]
    exps = [math.exp((value - max(logits)) / temperature) for value in logits]
    return [value / sum(exps) for value in exps]


def by_share(item: tuple[int, float]) -> float:
    return -item[1]


def held(ranked: list[tuple[int, float]], mass: float) -> dict[int, float]:
    """The fewest classes, in their order, that hold `mass`."""
    before = [sum(p for _, p in ranked[:rank]) for rank in range(len(ranked))]
    return {c: p for (c, p), sum_before in zip(ranked, before, strict=True) if sum_before < mass}


def normalised(kept: dict[int, float]) -> dict[int, float]:
    return {c: p / sum(kept.values()) for c, p in kept.items()}


LOGITS = [0.3, -1.2, 2.1, 0.9, -0.4, 1.55, -3.0, 0.1]
CASES = [
    Controls(),
    Controls(temperature=0.6),
    Controls(temperature=3.0),
    Controls(temperature=0.0),
    Controls(top_k=1),
    Controls(top_k=3),
    Controls(top_k=99),
    Controls(top_p=0.05),
    Controls(top_p=0.75),
    Controls(min_p=0.2),
    Controls(min_p=1.0),
    Controls(typical_p=0.1),
    Controls(typical_p=0.5),
    Controls(temperature=0.8, top_k=6, top_p=0.95, min_p=0.1, typical_p=0.9),
    Controls(temperature=2.0, top_k=5, top_p=0.8, min_p=0.3, typical_p=0.4),
]


@pytest.mark.parametrize("controls", CASES, ids=str)
def test_closed_form(controls: Controls) -> None:
    weights = weights_of(LOGITS, controls)
    expected = reference(LOGITS, controls)
    share = weights / weights.sum()
    assert {c for c, p in enumerate(share.tolist()) if p} == {c for c, p in expected.items() if p}
    for c, p in expected.items():
        assert float(share[c]) == pytest.approx(p, rel=1e-5)


@many
@given(rows, settings_)
def test_any_combination(logits: list[float], controls: Controls) -> None:
    """The reference in double precision; where it stands on an edge, either side will do."""
    expected = reference(logits, controls)
    nudged = [
        reference(logits, replace(controls, **{name: min(1.0, max(1e-9, value * factor))}))
        for name in ("top_p", "min_p", "typical_p")
        for value, factor in itertools.product([getattr(controls, name)], (1 - 1e-4, 1 + 1e-4))
        if 0 < value < 1
    ]
    assume(all(other.keys() == expected.keys() for other in nudged))
    ranked = sorted(logits, reverse=True)
    near = any(0 < abs(a - b) < 1e-3 for a, b in itertools.pairwise(ranked))
    assume(not near)
    assume(controls.temperature == 0 or controls.temperature > 0.3)
    assume(controls.typical_p == 1 or len(set(logits)) == len(logits))
    share = weights_of(logits, controls)
    share = share / share.sum()
    for c, p in enumerate(share.tolist()):
        assert p == pytest.approx(expected.get(c, 0.0), rel=1e-3, abs=1e-9)


extremes = st.lists(
    st.one_of(numbers, st.sampled_from([-math.inf, -1e38, 1e38, 3e38, 0.0])), min_size=1, max_size=9
)
any_temperature = st.builds(
    replace, settings_, temperature=st.floats(0, 3e38, allow_subnormal=True)
)


@many
@given(extremes, st.one_of(settings_, any_temperature))
def test_support_is_never_empty(logits: list[float], controls: Controls) -> None:
    assume(max(logits) > -math.inf)
    weights = weights_of(logits, controls)
    assert weights.isfinite().all()
    assert (weights >= 0).all()
    assert float(weights.sum()) > 0
    for uniform in (2**-24, 0.5, 1 - 2**-24):
        c = int(draw_class(weights[None], torch.tensor([uniform])))
        assert 0 <= c < len(logits)
        assert float(weights[c]) > 0, "a class without weight was drawn"
        assert logits[c] > -math.inf


@many
@given(st.lists(rows, min_size=2, max_size=5), st.data())
def test_rows_are_strangers(table: list[list[float]], data: st.DataObject) -> None:
    """To the last bit: a control that is off leaves no trace, whatever the neighbours do."""
    width = max(len(row) for row in table)
    logits = torch.tensor([row + [-5.0] * (width - len(row)) for row in table])
    controls = [data.draw(settings_) for _ in table]
    together = probabilities(logits, ControlBatch.of(controls))
    for b, own in enumerate(controls):
        alone = probabilities(logits[b : b + 1], ControlBatch.of([own]))
        assert torch.equal(together[b : b + 1], alone)


def test_all_off_is_the_softmax_to_the_last_bit() -> None:
    logits = 5 * torch.randn(4, 256, generator=torch.Generator().manual_seed(0))
    weights = probabilities(logits, ControlBatch.of([Controls()] * 4))
    assert torch.equal(weights, logits.softmax(-1))
    mixed = [Controls(), Controls(top_k=3), Controls(), Controls(typical_p=0.5)]
    beside = probabilities(logits, ControlBatch.of(mixed))
    assert torch.equal(beside[::2], weights[::2])


def test_order_is_fixed() -> None:
    """top_k first: of 0.5, 0.3, 0.2 two stay, as 0.625 and 0.375, and top_p 0.6 needs one."""
    logits = [math.log(0.5), math.log(0.3), math.log(0.2)]
    assert (weights_of(logits, Controls(top_k=2, top_p=0.6)) > 0).tolist() == [True, False, False]
    assert (weights_of(logits, Controls(top_p=0.6)) > 0).tolist() == [True, True, False]


def test_temperature_comes_before_truncation() -> None:
    logits = [math.log(0.6), math.log(0.25), math.log(0.15)]
    hot, cold = Controls(temperature=10, min_p=0.5), Controls(temperature=0.5, min_p=0.5)
    assert (weights_of(logits, hot) > 0).tolist() == [True, True, True]
    assert (weights_of(logits, cold) > 0).tolist() == [True, False, False]


def test_ties_go_to_the_lower_class() -> None:
    assert weights_of([1.0, 2.0, 2.0], Controls(temperature=0)).tolist() == [0, 1, 0]
    assert (weights_of([1.0] * 4, Controls(top_k=2)) > 0).tolist() == [True, True, False, False]


@many
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20), st.floats(0, 1))
def test_draw_class_is_the_inverse_of_the_running_sum(weights: list[float], u: float) -> None:
    assume(sum(weights) > 1e-3)
    u = min(max(u, 2**-24), 1 - 2**-24)
    table = torch.tensor([weights])
    c = int(draw_class(table, torch.tensor([u])))
    total = sum(weights)
    assert weights[c] > 0
    assert sum(weights[:c]) <= u * total + 1e-5
    assert u * total <= sum(weights[: c + 1]) + 1e-5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.inf),
        ("temperature", math.nan),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("min_p", -0.1),
        ("min_p", 1.5),
        ("typical_p", 0.0),
        ("typical_p", 2.0),
    ],
)
def test_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name} is {value}; it must be .*"):
        Controls(**{name: value})


def test_every_control_is_documented() -> None:
    assert all(control.metadata["help"] for control in fields(Controls))


def test_a_batch_says_whether_it_truncates() -> None:
    assert not ControlBatch.of([Controls(), Controls(temperature=0.5)]).truncates
    assert ControlBatch.of([Controls(), Controls(min_p=0.5)]).truncates

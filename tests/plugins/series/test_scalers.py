"""Scalers follow a series from its past alone, and digits are lost at no level.

Dimensions: B batch, T time, N channels.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from wavegen_series.model import ForecasterModel
from wavegen_series.model_config import ForecasterConfig, ScalerName
from wavegen_series.scaler import Reading
from wavegen_series.scalers import scaler_of

from wavegen.model import SequenceSpec
from wavegen.testing.inputs import Inputs
from wavegen.testing.programs import program_of, run_program

NAMES: tuple[ScalerName, ...] = ("none", "mean-absolute", "standard", "robust", "difference")
seeds = st.integers(0, 2**32 - 1)


def walk(seed: int, n_steps: int, missing: float) -> Tensor:
    """`(1, T, 2)` with gaps; the second channel moves about."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1, n_steps, 2))
    x[..., 1] = 3 * x[..., 1].cumsum(1) + 5
    x[rng.random(x.shape) < missing] = np.nan
    return torch.from_numpy(x).float()


def read(name: ScalerName, x: Tensor, memory: int = 9) -> Reading:
    scaler = scaler_of(name, x.shape[-1], memory)
    return scaler.forward(x, scaler.init_state(len(x), x.device))[0]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8)
@given(seed=seeds, cut=st.integers(1, 24), missing=st.sampled_from([0.4, 0.0, 1.0]))
def test_steps_read_what_all_steps_at_once_read(
    name: ScalerName, seed: int, cut: int, missing: float
) -> None:
    """Gaps or not, from the beginning or from the middle."""
    x, scaler = walk(seed, 25, missing), scaler_of(name, 2, 9)
    whole = read(name, x)
    _, state = scaler.forward(x[:, :cut], scaler.init_state(1, x.device))
    for t in range(cut, 25):
        here, state = scaler.step(x[:, t], state)
        for one, all_of_them in zip(here, whole, strict=True):
            torch.testing.assert_close(one, all_of_them[:, t], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=6)
@given(seed=seeds)
def test_a_missing_value_changes_nothing_but_the_mask(name: ScalerName, seed: int) -> None:
    x = walk(seed, 30, 0.0)
    keep = torch.from_numpy(np.random.default_rng(seed + 1).random(30) < 0.6)
    keep[0] = True
    gappy = x.masked_fill(~keep[None, :, None], float("nan"))
    with_gaps, without = read(name, gappy), read(name, x[:, keep])
    torch.testing.assert_close(with_gaps.z[:, keep], without.z, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(with_gaps.location[:, keep], without.location)
    torch.testing.assert_close(with_gaps.log_scale[:, keep], without.log_scale)
    gaps = ~keep
    # In a gap all units stand as they did.
    last = keep.long().cumsum(0) - 1
    torch.testing.assert_close(with_gaps.location[:, gaps], without.location[:, last[gaps]])
    torch.testing.assert_close(with_gaps.log_scale[:, gaps], without.log_scale[:, last[gaps]])
    if name != "none":
        assert (with_gaps.z[:, gaps] == 0).all()
    mask = with_gaps.features[..., :2]
    assert torch.equal(mask, gaps.float()[None, :, None].expand(1, 30, 2))


@pytest.mark.parametrize("name", ["standard", "robust", "difference"])
@settings(max_examples=8)
@given(seed=seeds, power=st.integers(-3, 3))
def test_units_are_those_of_the_series_once_the_first_scale_has_faded(
    name: ScalerName, seed: int, power: int
) -> None:
    x = walk(seed, 120, 0.1)
    a, b = 10.0**power, 1000.0 * 10**power
    here, there = read(name, x), read(name, (x.double() * a + b).float())
    torch.testing.assert_close(there.z[:, 90:], here.z[:, 90:], rtol=5e-3, atol=5e-3)
    torch.testing.assert_close(
        there.log_scale[:, 90:], here.log_scale[:, 90:] + np.log(a), rtol=5e-3, atol=5e-3
    )


@pytest.mark.parametrize("memory", [0, 200])
@pytest.mark.parametrize("level", [0.0, 1e6])
def test_nothing_is_lost_over_ten_thousand_steps_at_a_high_level(memory: int, level: float) -> None:
    """Against float64, for what float32 holds of the values."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(level + 10 * rng.normal(size=10_000).cumsum()).float()
    found = read("standard", x[None, :, None], memory)
    mean, variance, z = 0.0, 0.0, []
    for t, value in enumerate(x.double().tolist()):
        share = 1 / min(t + 1, memory or t + 1)
        away = value - mean
        mean, variance = mean + share * away, (1 - share) * (variance + share * away * away)
        z.append((value - mean) / max(variance, 1e-12) ** 0.5)
    late = slice(100, None)
    torch.testing.assert_close(
        found.z[0, late, 0].double(), torch.tensor(z)[late].double(), rtol=1e-3, atol=1e-3
    )


def test_the_first_step_has_units() -> None:
    """Before anything is seen: location 0 and scale 1."""
    nothing = torch.full((1, 3, 1), float("nan"))
    for name in NAMES:
        found = read(name, nothing)
        assert (found.location == 0).all()
        assert (found.log_scale == 0).all()
        assert (found.z == 0).all()


def test_standard_is_mean_and_deviation() -> None:
    x = torch.tensor([3.0, 5.0, 10.0, 2.0]).repeat(40)
    found = read("standard", x[None, :, None], 0)
    torch.testing.assert_close(found.location[0, -1, 0], x.mean())
    torch.testing.assert_close(found.log_scale[0, -1, 0], x.std(correction=0).log())


def test_difference_is_the_last_value_and_the_mean_change() -> None:
    x = torch.tensor([3.0, 4.0]).repeat(60)
    found = read("difference", x[None, :, None], 0)
    torch.testing.assert_close(found.location[0, :, 0], x)
    torch.testing.assert_close(found.log_scale[0, -1, 0], torch.tensor(0.0))
    doubled = read("difference", 2 * x[None, :, None], 0)
    torch.testing.assert_close(doubled.log_scale[0, -1, 0], torch.tensor(2.0).log())


def test_robust_is_the_median_of_the_last_values() -> None:
    x = torch.tensor([0.0] * 200 + [1.0, 2.0, 9.0])
    found = read("robust", x[None, :, None], 3)
    assert float(found.location[0, -1, 0]) == 2
    torch.testing.assert_close(found.log_scale[0, -1, 0].exp(), torch.tensor(8 / 3))


@pytest.mark.parametrize("name", ["standard", "difference"])
def test_a_program_reads_missing_values_as_the_steps_do(name: ScalerName) -> None:
    torch.manual_seed(0)
    config = ForecasterConfig("linear", ("lags=3",), name, 9)
    model = ForecasterModel(config, SequenceSpec(7, None, (2,))).eval()
    x = walk(3, 40, 0.3)
    with torch.no_grad():
        expected = model(x)
        fresh = model.init_state(1)
    params, _ = run_program(program_of(model), Inputs(x, None, None), fresh)
    assert expected.isfinite().all()
    torch.testing.assert_close(params, expected, rtol=1e-4, atol=1e-4)


def test_a_net_is_never_shown_what_is_missing_or_huge() -> None:
    x = torch.tensor([1.0, 1.0, float("nan"), 1e30, -1e30, 1.0])
    for name in NAMES[1:]:
        found = read(name, x[None, :, None])
        for part in found:
            assert part.isfinite().all(), name
        assert float(found.z.abs().max()) <= 50

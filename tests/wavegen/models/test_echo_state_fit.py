"""Reservoir and readout of the echo state network; the laws are tested in contract/."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.models.echo_state import EchoState
from wavegen.models.echo_state_config import PRESETS, EchoStateConfig

CLASSES, VALUES = SequenceSpec(16, 16), SequenceSpec(n_params=3, n_classes=None)


def build(spec: SequenceSpec = VALUES, **settings: Any) -> EchoState:
    torch.manual_seed(0)
    return EchoState(parse(EchoStateConfig, settings, "model"), spec).eval()


@pytest.mark.parametrize("radius", [0.0, 0.5, 0.99, 1.4])
def test_spectral_radius_and_sparsity_are_those_asked_for(radius: float) -> None:
    weight = build(units=200, spectral_radius=radius, sparsity=0.9).reservoir
    measured = float(torch.linalg.eigvals(weight.double()).abs().max())
    assert abs(measured - radius) < 1e-6
    if radius:
        assert abs(float((weight == 0).float().mean()) - 0.9) < 0.01


def test_echoes_fade() -> None:
    """Two states that began differently are one after 200 steps of the same input."""
    model = build(units=100)
    x = torch.randn(1, 200, generator=torch.Generator().manual_seed(1))
    quiet = model.init_state(1)
    loud = quiet._replace(h=torch.ones_like(quiet.h))
    _, one = model.prefill(x, quiet)
    _, other = model.prefill(x, loud)
    assert float((one.h - other.h).abs().max()) < 1e-6


@torch.no_grad()
def test_leak_is_the_share_that_is_new() -> None:
    fast, slow = build(units=30), build(units=30, leak=0.25)
    x, h = torch.tensor([0.7]), torch.rand(1, 30)
    made = fast.step(x, fast.init_state(1)._replace(h=h))[1].h
    torch.testing.assert_close(
        slow.step(x, slow.init_state(1)._replace(h=h))[1].h, 0.75 * h + 0.25 * made
    )


def test_readout_is_ridge_regression() -> None:
    model = build(units=20, ridge=1e-3)
    x = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    model.fit(x[:1], washout=5)
    model.fit(x[1:], washout=5)
    state, rows = model.init_state(3), list[torch.Tensor]()
    for t in range(49):
        _, state = model.step(x[:, t], state)
        rows.append(torch.cat([torch.ones(3, 1), x[:, t, None], state.h], 1))
    a = torch.cat(rows[5:]).double()
    b = x[:, 6:].t().reshape(-1, 1).double()
    n = len(a)
    # The same as least squares with rows sqrt(n * ridge) I that ask for zero.
    extra = math.sqrt(n * 1e-3) * torch.eye(a.shape[1]).double()
    expected = torch.linalg.lstsq(
        torch.cat([a, extra]), torch.cat([b, torch.zeros(len(extra), 1).double()])
    ).solution
    torch.testing.assert_close(model.readout.double(), expected, rtol=1e-4, atol=1e-6)


def test_only_training_fits() -> None:
    model = build(units=20)
    x, before = torch.randn(2, 30), model.readout.clone()
    model(x)
    assert torch.equal(model.readout, before)
    model.train()(x)
    assert not torch.equal(model.readout, before)


@torch.no_grad()
def test_a_damped_sine_goes_on_by_itself() -> None:
    """Fitted to one part of a damped sine, it draws the next 100 steps from its own outputs."""
    t = torch.arange(400.0)
    x = (torch.exp(-0.002 * t) * torch.sin(2 * math.pi * t / 23))[None]
    model = build(units=100, ridge=1e-12, feedback=0.1)
    model.fit(x[:, :300], washout=100)
    known = model.predict(x[:, :300])[:, -1, 0]
    _, state = model.prefill(x[:, :300], model.init_state(1))
    drawn = [known]
    for _ in range(99):
        _, state = model.step(drawn[-1], state)
        u = drawn[-1][:, None]
        features = torch.cat([torch.ones(1, 1), u, state.h], 1)
        drawn.append((features @ model.readout)[:, 0])
    error = (torch.stack(drawn, 1) - x[:, 300:]).abs().mean()
    assert float(error) <= 1e-4


def test_shares_of_classes_become_logits() -> None:
    """Drawn from known shares: the fitted model says them, with no gradient at all."""
    share = torch.softmax(torch.randn(16, generator=torch.Generator().manual_seed(1)), 0)
    x = torch.multinomial(share, 4 * 2000, True, generator=torch.Generator().manual_seed(2))
    model = build(CLASSES, units=10)
    model.fit(x.view(4, 2000))
    with torch.no_grad():
        said = torch.softmax(model(x.view(4, 2000)[:, :50]), -1).mean((0, 1))
    assert float((said - share).abs().max()) < 0.02


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_model_that_plays(preset: str) -> None:
    model = build(CLASSES, **PRESETS[preset])
    with torch.inference_mode():
        params, _ = model.step(torch.zeros(1, dtype=torch.int64), model.init_state(1))
    assert params.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": 0}, "model.units is 0; it must be 1 to 20000"),
        ({"spectral_radius": -1}, "model.spectral_radius is -1.0; it must be 0 to 1000"),
        ({"sparsity": 1.0}, "model.sparsity is 1.0; it must be 0 or above, below 1"),
        ({"leak": 0.0}, "model.leak is 0.0; it must be above 0, at most 1"),
        ({"ridge": 0.0}, "model.ridge is 0.0; it must be above 0, at most 1e6"),
    ],
)
def test_settings_that_make_no_reservoir_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(EchoStateConfig, settings, "model")


def test_missing_conditions_are_named() -> None:
    model = build(SequenceSpec(16, 16, cond_channels=2, static_classes=3), units=5)
    with pytest.raises(ConfigError, match="has a static condition"):
        model.init_state(1)
    with pytest.raises(ConfigError, match="2 condition channels for every step"):
        model(torch.zeros(1, 3, dtype=torch.int64), None, torch.zeros(1, dtype=torch.int64))

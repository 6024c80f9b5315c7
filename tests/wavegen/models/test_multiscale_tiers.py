"""The multiscale network's tiers, settings and training; the laws are tested in contract/."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from wavegen import state as trees
from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.models.multiscale import Multiscale, MultiscaleState, Unit
from wavegen.models.multiscale_config import PRESETS, MultiscaleConfig

SMALL: dict[str, Any] = {"width": 8, "pools": (2, 3), "layers": (1, 1, 1)}


def build(**settings: Any) -> Multiscale:
    torch.manual_seed(0)
    config = parse(MultiscaleConfig, settings, "model")
    return Multiscale(config, SequenceSpec(256, 256)).eval()


@pytest.mark.parametrize(
    ("preset", "parameters"), [("tiny", 296_888), ("small", 1_862_000), ("base", 5_188_800)]
)
def test_presets(preset: str, parameters: int) -> None:
    model = build(**PRESETS[preset])
    assert sum(p.numel() for p in model.parameters()) == parameters
    with torch.inference_mode():
        params, _ = model.step(torch.zeros(1, dtype=torch.int64), model.init_state(1))
    assert params.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "model.width is 0; it must be 1 to 65536"),
        ({"pools": (4, 1)}, r"model.pools is \(4, 1\); each must be 2 to 1024"),
        ({"pools": (1024,) * 3, "layers": (1,) * 4}, "model.pools is .* product at most 2"),
        ({"layers": (4, 4)}, r"model.layers is \(4, 4\) and model.pools \(4, 4\); give one number"),
        ({"layers": (4, 0, 4)}, "model.layers is .* from 1 to 1000 for each tier"),
        ({"expand": 0.5}, "model.expand is 0.5; it must be 1 to 16"),
        ({"expand": 16.0, "width": 300}, "no tier wider than 65536"),
        ({"state": 0}, "model.state is 0; it must be 1 to 64"),
        ({"feed_forward": -1.0}, "model.feed_forward is -1.0; it must be 0 to 64"),
        ({"dropout": 1.0}, "model.dropout is 1.0; it must be 0 or above, below 1"),
    ],
)
def test_sizes_that_make_no_network_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        parse(MultiscaleConfig, settings, "model")
    assert "\n" not in str(raised.value)


def test_slow_tiers_change_only_when_their_turn_comes() -> None:
    """Bit for bit: the second tier at steps 2, 4, 6, ..., the third at 6, 12, ..."""
    model = build(**SMALL)
    state = model.init_state(2)
    for t in range(1, 15):
        before = trees.fork(state)
        with torch.inference_mode():
            _, state = model.step(torch.randint(256, (2,)), state)
        for tier, period in enumerate((1, 2, 6)):
            has_changed = not torch.equal(state.hidden[tier], before.hidden[tier])
            assert has_changed == (t % period == 0), f"tier {tier} at step {t}"


def test_what_a_slow_tier_says_is_heard_one_window_later() -> None:
    """A step reaches the fast tier at once; through the slow one from the next window on."""
    model = build(width=8, pools=(4,), layers=(1, 1))
    with torch.no_grad():  # the fast tier forgets all it hears at once
        unit = model.tiers[0].layers[0]
        assert isinstance(unit, Unit)
        unit.mix.zero_()
    x = torch.randint(256, (1, 16))
    changed = x.clone()
    changed[:, 5] = (x[:, 5] + 1) % 256
    with torch.inference_mode():
        differs = (model(changed) != model(x)).any(-1)[0]
    assert differs.nonzero()[:, 0].tolist() == [5, *range(8, 16)]


def test_voices_of_any_age_prefill_together() -> None:
    """Their windows begin at different steps, and their order stays."""
    model = build(**SMALL)
    ages, n_steps = (5, 0, 7, 11, 6), 20
    x = torch.randint(256, (len(ages), max(ages) + n_steps))
    with torch.inference_mode():
        states = list[MultiscaleState]()
        for row, age in enumerate(ages):
            state = model.init_state(1)
            for t in range(age):
                _, state = model.step(x[row : row + 1, t], state)
            states.append(state)
        later = torch.stack([x[row, age : age + n_steps] for row, age in enumerate(ages)])
        out, state = model.prefill(later, trees.merge(states))
        for row, age in enumerate(ages):
            expected = model(x[row : row + 1, : age + n_steps])[:, -1]
            torch.testing.assert_close(out[row : row + 1], expected)
        assert state.clock.tolist() == [age + n_steps for age in ages]


def test_hidden_weights_are_matrices_between_channels() -> None:
    model = build(**SMALL)
    names = {id(p): name for name, p in model.named_parameters()}
    found = [names[id(p)].rpartition(".")[2] for p in model.hidden_weights()]
    assert set(found) == {"enter", "gate", "mix", "leave", "0", "1"}
    assert len(found) == 3 * 6 + 4


def test_it_learns_a_wave() -> None:
    """The next value of a sine of 16 classes, of which every slow tier hears a part."""
    model = build(width=16, pools=(4, 4), layers=(1, 1, 1)).train()
    time = torch.arange(129) + 40 * torch.arange(8)[:, None]
    x = (8 + 7.9 * torch.sin(time * 0.17)).long()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    loss = torch.tensor(torch.inf)
    for _ in range(40):
        out = model(x[:, :-1])[:, 16:]
        loss = F.cross_entropy(out.flatten(0, 1), x[:, 17:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.5, "chance is 2.8 nats"

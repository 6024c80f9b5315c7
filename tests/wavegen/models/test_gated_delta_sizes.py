"""The gated delta network's sizes, settings and training; the laws are tested in contract/."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from wavegen import state as trees
from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.models.gated_delta import GatedDelta, Layer
from wavegen.models.gated_delta_config import PRESETS, GatedDeltaConfig

SMALL: dict[str, Any] = {"layers": 1, "width": 32, "heads": 2, "key_width": 16, "value_width": 16}


def build(spec: SequenceSpec | None = None, **settings: Any) -> GatedDelta:
    torch.manual_seed(0)
    config = parse(GatedDeltaConfig, settings, "model")
    return GatedDelta(config, spec or SequenceSpec(256, 256))


@pytest.mark.parametrize(
    ("preset", "parameters"), [("tiny", 116_876), ("small", 798_256), ("base", 5_960_640)]
)
def test_presets(preset: str, parameters: int) -> None:
    model = build(**PRESETS[preset]).eval()
    assert sum(p.numel() for p in model.parameters()) == parameters
    with torch.inference_mode():
        params, _ = model.step(torch.zeros(1, dtype=torch.int64), model.init_state(1))
    assert params.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "model.layers is 0; it must be 1 to 1000"),
        ({"width": 0}, "model.width is 0; it must be 1 to 65536"),
        ({"heads": 0}, "model.heads is 0; it must be 1 to 1024"),
        ({"key_width": 0}, "model.key_width is 0; it must be 1 to 1024"),
        ({"value_width": -1}, "model.value_width is -1; it must be 1 to 4096"),
        ({"conv": 1}, "model.conv is 1; it must be 2 to 64"),
        ({"feed_forward": -1.0}, "model.feed_forward is -1.0; it must be 0 to 64"),
        ({"dropout": 1.0}, "model.dropout is 1.0; it must be 0 or above, below 1"),
        ({"rotary": True, "key_width": 7}, "model.key_width is 7; .* an even number"),
        ({"delta": False, "decay": "none"}, "model.decay is none and model.delta is off; .* grows"),
    ],
)
def test_sizes_that_make_no_network_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        parse(GatedDeltaConfig, settings, "model")
    assert "\n" not in str(raised.value)


def test_a_voice_takes_the_same_memory_at_any_clock() -> None:
    model = build(**SMALL).eval()
    state, x = model.init_state(1), torch.zeros(1, dtype=torch.int64)
    size = trees.n_bytes(state)
    with torch.inference_mode():
        for _ in range(5):
            _, state = model.step(x, state)
    assert trees.n_bytes(state) == size
    assert state.memories[0].dtype == torch.float32


def test_fixed_decays_are_those_of_retnet() -> None:
    (layer,) = build(**SMALL | {"heads": 8}, decay="fixed").layers
    assert isinstance(layer, Layer)
    decay = layer.gates(torch.zeros(3, 32))[1].exp()
    torch.testing.assert_close(decay, (1 - 2.0 ** -torch.arange(5, 13)).expand(3, -1))


def test_what_muon_trains_is_between_hidden_channels() -> None:
    model = build(**SMALL)
    names = {id(p): name for name, p in model.named_parameters()}
    found = {names[id(p)].removeprefix("layers.0.") for p in model.hidden_weights()}
    inner = {f"feed_forward.{name}" for name in ("gate", "enter", "leave")}
    assert found == {"query", "key", "value", "gate", "mix"} | inner
    assert len(build(**SMALL, feed_forward=0).hidden_weights()) == 5


def test_it_learns_to_recall_what_followed_a_key() -> None:
    """Pairs of a key and a value, then each key again: the delta rule looks values up."""
    rng = torch.Generator().manual_seed(0)
    n_keys, n_values, batch = 4, 8, 32

    def episode() -> tuple[torch.Tensor, torch.Tensor]:
        keys = torch.rand(batch, n_keys, generator=rng).argsort(1)
        values = n_keys + torch.randint(n_values, (batch, n_keys), generator=rng)
        asked = torch.rand(batch, n_keys, generator=rng).argsort(1)
        first = torch.stack([keys, values], 2).flatten(1)
        second = torch.stack([keys.gather(1, asked), values.gather(1, asked)], 2).flatten(1)
        return torch.cat([first, second], 1), values.gather(1, asked)

    model = build(SequenceSpec(n_keys + n_values, n_keys + n_values), **SMALL)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    loss = torch.tensor(torch.inf)
    for _ in range(120):
        x, answers = episode()
        out = model(x)[:, 2 * n_keys :: 2]  # at the keys that are asked
        loss = F.cross_entropy(out.flatten(0, 1), answers.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.5, "chance is 2.1 nats"

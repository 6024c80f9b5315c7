"""The transformer's sizes, settings and window; the laws are tested in contract/."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from wavegen import state as trees
from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.models.transformer import Transformer
from wavegen.models.transformer_config import PRESETS, TransformerConfig

CLASSES = SequenceSpec(256, 256)


def build(**settings: Any) -> Transformer:
    torch.manual_seed(0)
    return Transformer(parse(TransformerConfig, settings, "model"), CLASSES).eval()


def test_reference_size() -> None:
    model = build(**PRESETS["K"])
    assert sum(p.numel() for p in model.parameters()) == 6_449_920
    assert model.receptive_field == 8 * 1023 + 1
    assert trees.n_bytes(model.init_state(1)) == 2 * 8 * 1023 * 256 * 4 + 256 * 4 + 8


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_model_that_plays(preset: str) -> None:
    model = build(**PRESETS[preset])
    with torch.inference_mode():
        out, _ = model.step(torch.zeros(2, dtype=torch.int64), model.init_state(2))
    assert out.shape == (2, 256)


@pytest.mark.parametrize("positions", ["rotary", "relative"])
def test_only_distances_count(positions: str) -> None:
    """The window slides: the same symbols, a million steps later, sound the same."""
    model = build(layers=2, width=8, heads=2, feed_forward=12, window=5, positions=positions)
    x = torch.randint(256, (1, 20))
    with torch.inference_mode():
        state = model.init_state(1)
        _, early = model.prefill(x, trees.fork(state))
        late = state._replace(clock=state.clock + 10**6)
        _, late = model.prefill(x, late)
        torch.testing.assert_close(model.step(x[:, 0], early)[0], model.step(x[:, 0], late)[0])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"width": 10, "heads": 4}, "4 heads cannot share it"),
        ({"width": 6, "heads": 2}, "even width of each head"),
        ({"window": 1}, "window is 1"),
        ({"layers": 0}, "layers is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_settings_that_make_no_network(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        build(**settings)


def test_it_compiles_in_one_piece() -> None:
    """Forwards and on the way back, with nothing left to the interpreter."""
    model, x = (
        build(layers=2, width=8, heads=2, feed_forward=12, window=5),
        torch.randint(256, (2, 70)),
    )
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    slopes = [
        torch.autograd.grad(f(x).square().mean(), model.output.weight)[0] for f in (compiled, model)
    ]
    torch.testing.assert_close(*slopes)

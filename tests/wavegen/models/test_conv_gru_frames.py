"""Frames and targets of the convolution before a GRU; the laws are tested in contract/."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.models.conv_gru import ConvGRU
from wavegen.models.conv_gru_config import PRESETS, ConvGRUConfig

CLASSES = SequenceSpec(16, 16)


def build(**settings: Any) -> ConvGRU:
    torch.manual_seed(0)
    return ConvGRU(parse(ConvGRUConfig, settings, "model"), CLASSES).eval()


def test_the_gru_runs_once_a_frame() -> None:
    model, rows = build(kernel=4, stride=3), list[int]()
    model.gru.register_forward_hook(lambda _module, given, _out: rows.append(len(given[0])))
    model(torch.zeros(1, 13, dtype=torch.int64))
    assert rows == [5]


@torch.no_grad()
def test_what_the_gru_says_serves_the_targets_after_its_frame() -> None:
    """Without the local convolution, outputs change with the symbols of finished frames alone."""
    model = build(kernel=4, stride=4, width=16)
    model.local_weight.zero_()
    x = torch.zeros(1, 12, dtype=torch.int64)
    before = model(x)
    for t in range(12):
        other = x.clone()
        other[0, t] = 1
        changed = (model(other) != before).any(-1)[0].tolist()
        frame = -(-t // 4) * 4  # frames end at 0, 4, 8
        assert changed == [i >= frame for i in range(12)]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_model_that_plays(preset: str) -> None:
    model = build(**PRESETS[preset])
    with torch.inference_mode():
        params, _ = model.step(torch.zeros(1, dtype=torch.int64), model.init_state(1))
    assert params.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": 1}, "model.kernel is 1; it must be 2 to 4096"),
        ({"stride": 5}, "model.stride is 5; it must be 1 to 4, the kernel, else the GRU misses"),
        ({"layers": 0}, "model.layers is 0; it must be 1 to 64"),
        ({"dropout": 1.0}, "model.dropout is 1.0; it must be 0 or above, below 1"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(ConvGRUConfig, settings, "model")

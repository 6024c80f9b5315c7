"""`wavegen bench positions` times what it says it times."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from wavegen.cli import main
from wavegen.engines.bench_positions import CachedTransformer, Sizes, _prefixes, _sequence
from wavegen.model import SequenceSpec
from wavegen.models.transformer import Transformer
from wavegen.models.transformer_config import TransformerConfig
from wavegen.native import library

SIZES = Sizes(layers=2, width=8, heads=2, feed_forward=12)


@torch.no_grad()
def test_the_cached_transformer_is_the_transformer() -> None:
    config = TransformerConfig(layers=2, width=8, heads=2, feed_forward=12, window=64)
    model, x = Transformer(config, SequenceSpec(16, 16)).eval(), torch.randint(16, (1, 30))
    cached = CachedTransformer(SIZES, 16, 30)
    cached.load_state_dict(model.state_dict())
    expected = model(x)
    for t in range(30):
        torch.testing.assert_close(cached.step(x[:, t], t), expected[:, t])
        torch.testing.assert_close(cached.whole(x[:, : t + 1]), expected[:, t])


def test_sums_over_positions_are_those_of_straight_lines() -> None:
    """A cache whose step costs 1 + p / 100 ms, and prefixes that cost p / 10 ms."""
    positions, prefixes = [1, 4000], [1, 49, 3072]
    ms = {name: [2.0, 2.0] for name in ("linear, native", "linear, torch")}
    ms |= {name: [1.01, 41.0] for name in ("cache, native", "cache, torch")}
    found = _sequence(784, positions, ms, prefixes, [p / 10 for p in prefixes])
    steps = np.arange(1, 785)
    assert found["seconds"]["cache, torch"] == pytest.approx((1 + steps / 100).sum() / 1e3, 1e-3)
    assert found["seconds"]["recompute, torch"] == pytest.approx(steps.sum() / 1e4, 1e-3)
    assert found["over_recompute"]["native"] == round(steps.sum() / 10 / (2 * 784), 1)
    assert found["over_cache"]["torch"] == round((1 + steps / 100).sum() / (2 * 784), 2)
    assert found["paper_over_recompute"] == 317


@pytest.mark.parametrize(("last", "longest"), [(16_000, 3072), (3000, 784), (50, 50)])
def test_prefixes_reach_the_longest_sequence(last: int, longest: int) -> None:
    prefixes = _prefixes(last)
    assert (prefixes[0], prefixes[-1]) == (1, longest)
    assert prefixes == sorted(set(prefixes))


def test_it_prints_every_way_to_play_and_draws_them(tmp_path: Path) -> None:
    if not library.builds():
        pytest.skip("no native core")
    pytest.importorskip("matplotlib")
    picture = tmp_path / "p.png"
    line = ["bench", "positions", "--config", "tiny", "--positions", "40,20", "--rounds", "1"]
    result = CliRunner().invoke(main, [*line, "--picture", str(picture), "--json"])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["positions"] == [20, 40]
    assert found["parameters"]["linear"] == found["parameters"]["softmax"]
    names = {"linear, native", "linear, torch", "cache, native", "cache, torch"}
    assert found["ms"].keys() == found["growth"].keys() == names
    assert all(ms > 0 for curve in found["ms"].values() for ms in curve)
    assert found["sequences"] == []  # 784 steps were not measured
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--config", "X"], "no configuration 'X'; known: tiny, .* of linear-transformer"),
        (["--positions", ","], "positions is ','; give one value or several"),
        (["--positions", "1"], "positions is '1'; it must be 2 to 262144"),
    ],
)
def test_what_cannot_be_measured_is_one_line(options: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["bench", "positions", *options])
    assert result.exit_code == 2
    assert re.search(message, result.stderr)

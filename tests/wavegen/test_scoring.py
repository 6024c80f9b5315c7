"""Scores of a split: bits of what is asked for and of nothing else, all at once or in steps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from toy_plugin import Letters, LettersConfig, LettersSplit, parts
from toy_run import trained

from wavegen.engines.choice import EngineOptions
from wavegen.heads import MISSING_CLASS, Point
from wavegen.model import SequenceModel, SequenceSpec
from wavegen.native import library
from wavegen.playing import TrainedModel
from wavegen.scoring import bits

TEXT = "abcdefghhgfedcbapponmabc" * 3


class Unasked(LettersSplit):
    """Of each text only what follows the first 20 letters is asked for."""

    def target(self, index: int, start: int, stop: int) -> Tensor:
        x, _ = self.read(index, start, stop)
        absent = math.nan if self.domain.is_real else MISSING_CLASS
        return x.masked_fill(torch.arange(start, stop) < 20, absent)


def in_bfloat16() -> TrainedModel:
    try:
        library.builds()
    except library.NativeUnavailable as reason:
        pytest.skip(str(reason))
    domain = Letters(LettersConfig())
    model, head = parts(domain)
    options = EngineOptions("native", precision="bfloat16")
    return TrainedModel(model, head, domain, lead_in=model.receptive_field or 1, options=options)


@pytest.mark.parametrize("window", [7, 8192])
@pytest.mark.parametrize(
    "build",
    [trained, lambda: trained(output="numbers"), in_bfloat16],
    ids=["letters", "numbers", "step by step"],
)
def test_a_history_is_read_and_costs_nothing(
    build: Any, window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wavegen.scoring._WINDOW_STEPS", window)
    model, path = build(), tmp_path / "a.txt"
    path.write_text(TEXT)
    each = model.score(TEXT).double()
    (whole,) = model.score_split(LettersSplit(model.domain, [path]))
    (asked,) = model.score_split(Unasked(model.domain, [path]))
    assert whole == pytest.approx(float(each.sum()), rel=1e-5)
    assert asked == pytest.approx(float(each[20:].sum()), rel=1e-5)
    assert asked != pytest.approx(whole, rel=1e-3)


class Repeats(SequenceModel[Tensor]):
    """Says that the next three values are the last one."""

    receptive_field = 1
    spec = SequenceSpec(n_params=3, n_classes=None)

    def init_state(self, batch: int, static: Tensor | None = None) -> Tensor:
        return torch.zeros(batch)

    def forward(
        self, x: Tensor, cond: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        return x[..., None].expand(-1, -1, 3)

    def step(self, x: Tensor, state: Tensor, cond: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x[:, None].expand(-1, 3), state


def test_a_whole_horizon_is_scored_at_each_step() -> None:
    """Its targets have another shape than the symbols."""
    x = torch.tensor([1.0, 2.0, 4.0, 8.0])
    ahead = torch.tensor([[1, 2, 4], [2, 4, 8], [4, 8, math.nan], [math.nan] * 3])
    pieces = bits(
        Repeats(),
        Point(3),
        lambda start, stop: (x[start:stop], None),
        4,
        lead_in=1,
        start=torch.tensor(0.0),
        target=lambda start, stop: ahead[start:stop],
    )
    before = [0, 1, 2]
    expected = [
        sum((value - last) ** 2 for value in row if not math.isnan(value)) / 3 / math.log(2)
        for last, row in zip(before, ahead[:3].tolist(), strict=True)
    ]
    torch.testing.assert_close(torch.cat(list(pieces)), torch.tensor([*expected, 0.0]))

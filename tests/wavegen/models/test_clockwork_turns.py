"""Groups of a Clockwork RNN take their turns; the laws are tested in contract/."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from wavegen.config import parse
from wavegen.errors import ConfigError
from wavegen.model import SequenceSpec
from wavegen.models.clockwork import Clockwork
from wavegen.models.clockwork_config import PRESETS, ClockworkConfig
from wavegen.native import library
from wavegen.program.lowering import lower
from wavegen.testing.inputs import Inputs
from wavegen.testing.programs import run_program

CLASSES = SequenceSpec(16, 16)


def build(**settings: Any) -> Clockwork:
    torch.manual_seed(0)
    return Clockwork(parse(ClockworkConfig, settings, "model"), CLASSES).eval()


@pytest.mark.parametrize("by", ["step", "program"])
def test_resting_groups_are_unchanged_bit_for_bit(by: str) -> None:
    model = build(groups=4, units=5, embedding=3)
    x = torch.randint(16, (2, 20), generator=torch.Generator().manual_seed(0))
    state = model.init_state(2)
    if by == "program":
        if not library.builds():
            pytest.skip("no native core")
        program = lower(model)
    for t in range(20):
        before = state.h.clone()
        if by == "program":
            _, state = run_program(program, Inputs(x[:, t : t + 1], None, None), state)  # pyright: ignore
        else:
            with torch.no_grad():
                _, state = model.step(x[:, t], state)
        for group, period in enumerate((1, 2, 4, 8)):
            is_same = torch.equal(state.h[:, group], before[:, group])
            assert is_same == (t % period != 0)


def test_fast_groups_read_slow_ones_and_not_the_reverse() -> None:
    """A change to one group reaches itself and the faster ones at the next common turn."""
    model = build(groups=4, units=5, embedding=3)
    with torch.no_grad():
        state = model.init_state(1)
        for group in range(4):
            h = state.h.clone()
            h[:, group] = 0.5
            x = torch.zeros(1, dtype=torch.int64)
            plain = model.step(x, state)[1].h
            other = model.step(x, state._replace(h=h))[1].h
            changed = (plain != other).any(-1)[0].tolist()
            assert changed == [g <= group for g in range(4)]


def test_a_window_computes_each_group_at_its_turns_only(monkeypatch: pytest.MonkeyPatch) -> None:
    model, rows = build(groups=4, units=5, embedding=3), list[int]()
    for cell in model.groups:
        scan = cell.scan

        def counted(x: Any, state: Any, _scan: Any = scan) -> Any:
            rows.append(len(x))
            return _scan(x, state)

        monkeypatch.setattr(cell, "scan", counted)
    model(torch.zeros(1, 33, dtype=torch.int64))
    assert rows == [5, 9, 17, 33]


def test_units_read_no_faster_group() -> None:
    shapes = [tuple(w.shape) for w in build(groups=3, units=5, embedding=2).hidden_weights()]
    assert shapes == [(12, 5), (5, 5), (7, 5), (5, 5), (2, 5), (5, 5)]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_model_that_plays(preset: str) -> None:
    model = build(**PRESETS[preset])
    with torch.inference_mode():
        params, _ = model.step(torch.zeros(1, dtype=torch.int64), model.init_state(1))
    assert params.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": 0}, "model.groups is 0; it must be 1 to 24"),
        ({"units": 0}, "model.units is 0; it must be 1 to 65536"),
        ({"periods": (2, 4)}, "model.periods is 2,4; it must begin with 1"),
        ({"periods": (1, 4, 2)}, "model.periods is 1,4,2; .* and not fall"),
        ({"periods": (1, 0)}, "model.periods must be at most 64 numbers from 1"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(ClockworkConfig, settings, "model")

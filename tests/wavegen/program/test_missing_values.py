"""A program takes in what is missing, and gives it out, as NaN."""

from __future__ import annotations

import math

import torch
from stepping_models import Expression

from wavegen.controls import Controls
from wavegen.heads import Point
from wavegen.program.lowering import lower
from wavegen.testing.inputs import random_inputs
from wavegen.testing.programs import Prompted, program_of, run_draws, run_program


def test_events_come_in_and_go_out_as_they_are() -> None:
    head = Point(3)
    params = torch.tensor([[1.0, math.nan, 2.0], [math.nan] * 3, [3.0, 4.0, math.nan]])
    drawn = run_draws(program_of(Prompted(head), head), params, 0, Controls())
    torch.testing.assert_close(drawn, params, rtol=0, atol=0, equal_nan=True)

    model = Expression(lambda x, t: torch.cat([x, x.isnan(), x.nan_to_num(7.0)], 1))
    given = random_inputs(model.spec, 1, 20)
    given.x[given.x > 0.3] = math.nan
    program_of(model)  # skips where there is no native core
    found, _ = run_program(lower(model), given, model.init_state(1))
    torch.testing.assert_close(found, model(given.x), rtol=0, atol=0, equal_nan=True)
    assert found.isnan().any()

"""The linear model keeps every law of the kit, for every kind of sequence."""

from __future__ import annotations

import pytest
import torch

from wavegen.model import SequenceSpec
from wavegen.models.linear import Linear
from wavegen.models.linear_config import LinearConfig
from wavegen.testing import ModelContract
from wavegen.testing.inputs import SPECS, random_inputs
from wavegen.testing.programs import program_of, run_program


def build(lags: int, spec: SequenceSpec) -> Linear:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Linear(LinearConfig(lags), spec)


class TestKindsOfSequences(ModelContract):
    long_run = 100

    @pytest.fixture(params=["classes with conditions", "vectors with conditions"])
    def model(self, request: pytest.FixtureRequest) -> Linear:
        return build(5, SPECS[request.param])


@pytest.mark.parametrize("lags", [1, 4])
def test_a_program_of_any_order(lags: int) -> None:
    model = build(lags, SPECS["values"])
    given = random_inputs(model.spec, 1, 6)
    params, _ = run_program(program_of(model), given, model.init_state(1))
    torch.testing.assert_close(params, model(given.x))


def test_it_is_the_weighted_sum_of_the_last_values() -> None:
    model = build(3, SequenceSpec(1, None))
    x = torch.tensor([[2.0, 3.0, 5.0, 7.0]])
    w = model.output.weight[0]
    expected = model.output.bias + w[2] * 7 + w[1] * 5 + w[0] * 3
    torch.testing.assert_close(model(x)[0, -1], expected)

"""Compiled training keeps its loops over time as loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, fx

from wavegen.model import SequenceModel, SequenceSpec
from wavegen.models.clockwork import Clockwork
from wavegen.models.clockwork_config import ClockworkConfig
from wavegen.models.conv_gru import ConvGRU
from wavegen.models.conv_gru_config import ConvGRUConfig
from wavegen.models.echo_state import EchoState
from wavegen.models.echo_state_config import EchoStateConfig
from wavegen.models.recurrent import Recurrent
from wavegen.models.recurrent_config import RecurrentConfig

CLASSES, N_STEPS = SequenceSpec(8, 8), 300
MODELS: dict[str, Callable[[], SequenceModel[Any]]] = {
    "loop of torch.nn": lambda: Recurrent(RecurrentConfig(width=4, embedding=3), CLASSES),
    "loop of its own": lambda: Recurrent(
        RecurrentConfig(width=4, embedding=3, layer_norm=True), CLASSES
    ),
    "clockwork": lambda: Clockwork(ClockworkConfig(units=3), CLASSES),
    "conv-gru": lambda: ConvGRU(ConvGRUConfig(width=4, channels=3), CLASSES),
    "echo-state": lambda: EchoState(EchoStateConfig(units=5), CLASSES),
}


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's own, about its tracing
@pytest.mark.parametrize("name", MODELS)
def test_time_is_not_unrolled(name: str) -> None:
    model, sizes = MODELS[name]().eval(), list[int]()

    def count(graph: fx.GraphModule, _inputs: list[Tensor]) -> Callable[..., Any]:
        sizes.append(len(graph.graph.nodes))
        return graph.forward

    x = torch.randint(8, (2, N_STEPS))
    expected = model(x)
    torch.testing.assert_close(torch.compile(model, backend=count)(x), expected)
    assert sum(sizes) < N_STEPS

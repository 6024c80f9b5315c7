"""First weights in the way of Keras."""

import math
from pathlib import Path

import torch
from short_runs import Run
from torch import Tensor

from wavegen import checkpoint
from wavegen.model import SequenceSpec
from wavegen.models.recurrent import Recurrent
from wavegen.models.recurrent_config import RecurrentConfig
from wavegen.models.wavenet import WaveNet
from wavegen.models.wavenet_config import WaveNetConfig
from wavegen.training.initial import keras_style

SPEC = SequenceSpec(n_params=30, n_classes=None)


def is_glorot(weight: Tensor) -> bool:
    bound = math.sqrt(6 / sum(weight.shape[-2:]))
    return 0.9 * bound < float(weight.detach().abs().max()) <= bound


def test_an_lstm_begins_as_in_keras():
    model = Recurrent(RecurrentConfig(cell="lstm", width=24, layers=1, embedding=8), SPEC)
    keras_style(model)
    (cell,) = model.stack.cells
    assert is_glorot(cell.input_weight)
    assert is_glorot(model.output.weight)
    assert not model.output.bias.any()
    assert cell.bias.tolist() == [0.0] * 24 + [1.0] * 24 + [0.0] * 48
    rows = cell.state_weight @ cell.state_weight.t()
    torch.testing.assert_close(rows, torch.eye(24), atol=1e-5, rtol=0)


def test_the_layers_of_a_wavenet_are_drawn_each_by_itself():
    model = WaveNet(WaveNetConfig(stacks=1, layers=3), SPEC)
    keras_style(model)
    assert all(is_glorot(weight) for weight in model.gate_weight)
    biases = [p for name, p in model.named_parameters() if "bias" in name]
    assert len(biases) == 6
    assert not any(bias.any() for bias in biases)


def test_a_training_begins_as_it_is_told(train: Run, tmp_path: Path):
    for init in ("model", "keras"):
        asked = {"steps": 1, "lr": 1e-7, "muon_lr": 0, "ema": 0, "init": init}
        kept = checkpoint.read(train(tmp_path / init, trainer=asked).run).weights()
        bias = kept["model.output_params.bias"]
        assert (float(bias.abs().max()) < 1e-5) == (init == "keras")

"""The nets of the table of two sines and noise: their sizes, and how they are trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from wavegen.model import SequenceModel

from .one_unit import without_readout
from .training import Recipe, build, recipe

_DEEP = {"cell": "rnn", "layers": 2, "width": 20, "embedding": 0}
_SIMPLIFIED = {
    "stacks": 2, "layers": 4, "activation": "relu", "residual_channels": 20, "gate_channels": 20,
    "skip_channels": 20, "residual": False, "skip": False,
}  # fmt: skip
_GATED = {
    "stacks": 2, "layers": 5, "residual_channels": 32, "gate_channels": 64, "skip_channels": 64,
}  # fmt: skip


def one_cycle(book: Recipe, init: str = "model") -> Recipe:
    """The schedule that serves all of them better than the book's: 30 epochs, one cycle."""
    return recipe(30, book.every_step, batch=64, lr=4e-3, schedule="one-cycle", clip=5, init=init)


def by_muon(book: Recipe) -> Recipe:
    """As long, for the gated WaveNet: hidden weights by Muon, and averaged weights at the end."""
    return recipe(
        30, book.every_step, batch=64, lr=4e-3, muon_lr=0.02, schedule="one-cycle", clip=5,
        ema=0.998,
    )  # fmt: skip


def as_built(model: SequenceModel[Any]) -> SequenceModel[Any]:
    """The net that its name and its settings mean."""
    return model


@dataclass(frozen=True)
class Neural:
    """A row that is trained."""

    model: str
    settings: Mapping[str, Any]
    book: Recipe
    source: Mapping[int, float]
    """The book's figure by horizon; where it has none, the one that its notebook shows."""
    remark: str = ""
    good: Callable[[Recipe], Recipe] = one_cycle
    finish: Callable[[SequenceModel[Any]], SequenceModel[Any]] = as_built

    def make(self, horizon: int) -> SequenceModel[Any]:
        """An untrained net of so many steps ahead."""
        return self.finish(build(self.model, self.settings, horizon))


NEURAL: Mapping[str, Neural] = {
    "linear-adam": Neural(
        "linear", {"lags": 50}, recipe(20, False, init="keras"), {1: 0.004, 10: 0.0188},
        "the same by Adam, as in the source: not converged",
    ),
    "simple-rnn": Neural(
        "recurrent", {"cell": "rnn", "layers": 1, "width": 1, "embedding": 0},
        recipe(20, False, init="keras"), {1: 0.014}, "learns where its input weight begins above 0",
        finish=without_readout,
    ),
    "deep-rnn": Neural(
        "recurrent", _DEEP, recipe(20, False, init="keras"), {1: 0.003, 10: 0.008},
        "sequence to vector",
    ),
    "seq2seq": Neural(
        "recurrent", _DEEP, recipe(20, lr=0.01, init="keras"), {10: 0.006}, "lr 0.01"
    ),
    "lstm": Neural(
        "recurrent", {**_DEEP, "cell": "lstm"}, recipe(20, init="keras"), {10: 0.0085}
    ),
    "gru": Neural(
        "recurrent", {**_DEEP, "cell": "gru"}, recipe(20, init="keras"), {10: 0.0111}
    ),
    "lstm-lr-0.01": Neural(
        "recurrent", {**_DEEP, "cell": "lstm"}, recipe(20, lr=0.01, init="keras"), {},
        "the learning rate of seq2seq",
    ),
    "gru-lr-0.01": Neural(
        "recurrent", {**_DEEP, "cell": "gru"}, recipe(20, lr=0.01, init="keras"), {},
        "the learning rate of seq2seq",
    ),
    "layer-norm-rnn": Neural(
        "recurrent", {**_DEEP, "layer_norm": True}, recipe(10, init="keras"), {}, "10 epochs"
    ),
    "conv-gru": Neural(
        "conv-gru",
        {"kernel": 4, "stride": 2, "channels": 20, "layers": 2, "width": 20, "embedding": 1,
         "output_channels": 20},
        recipe(20, init="keras"), {10: 0.0081},
        "reads the newest symbols beside the strided frames",
    ),
    "clockwork": Neural(
        "clockwork", {"groups": 4, "units": 10, "embedding": 4}, recipe(20), {}
    ),
    "wavenet-simple": Neural(
        "wavenet", _SIMPLIFIED, recipe(20, init="keras"), {10: 0.0095}, "ReLU, no gates, no skips",
        partial(one_cycle, init="keras"),  # its small ReLU net learns less with its own
    ),
    "wavenet": Neural("wavenet", _GATED, recipe(20, lr=2e-3), {}, "gated, receptive field 63",
        by_muon,
    ),
}  # fmt: skip

"""The models that wavegen ships, as plugins like any other. Importing this imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..hookspecs import ModelSpec, hookimpl
from . import (
    clockwork_config,
    conv_gru_config,
    echo_state_config,
    gated_delta_config,
    linear_config,
    linear_transformer_config,
    multiscale_config,
    recurrent_config,
    tcn_config,
    transformer_config,
)
from .wavenet_config import PRESETS, WaveNetConfig

if TYPE_CHECKING:
    from ..model import SequenceModel, SequenceSpec


@hookimpl
def wavegen_models() -> Iterable[ModelSpec]:
    """Every model that `wavegen models` lists; building one imports it, and torch."""
    yield ModelSpec(
        "wavenet",
        WaveNetConfig,
        _from("wavenet", "WaveNet"),
        "dilated causal convolutions with cached generation (van den Oord 2016, Le Paine 2016)",
        PRESETS,
        {"lr": 0.015},
    )
    yield ModelSpec(
        "tcn",
        tcn_config.TCNConfig,
        _from("tcn", "TCN"),
        "temporal convolutional network: residual blocks of dilated convolutions (Bai 2018)",
        tcn_config.PRESETS,
        {"lr": 0.015},
    )
    yield ModelSpec(
        "recurrent",
        recurrent_config.RecurrentConfig,
        _recurrent,
        "stacked recurrent layers: Elman's net, LSTM or GRU; also bidirectional, to fill in",
        recurrent_config.PRESETS,
        {"lr": 0.012},
    )
    yield ModelSpec(
        "linear-transformer",
        linear_transformer_config.LinearTransformerConfig,
        _from("linear_transformer", "LinearTransformer"),
        "attention by kernel features, played as an RNN (Katharopoulos 2020)",
        linear_transformer_config.PRESETS,
        {"lr": 0.015},
    )
    yield ModelSpec(
        "transformer",
        transformer_config.TransformerConfig,
        _from("transformer", "Transformer"),
        "softmax attention to a window of the past, kept in a ring (Vaswani 2017)",
        transformer_config.PRESETS,
    )
    yield ModelSpec(
        "clockwork",
        clockwork_config.ClockworkConfig,
        _from("clockwork", "Clockwork"),
        "groups of units that run at every 1st, 2nd, 4th, ... step (Koutnik 2014)",
        clockwork_config.PRESETS,
    )
    yield ModelSpec(
        "conv-gru",
        conv_gru_config.ConvGRUConfig,
        _from("conv_gru", "ConvGRU"),
        "a strided convolution with a GRU behind it (Geron 2019)",
        conv_gru_config.PRESETS,
    )
    yield ModelSpec(
        "echo-state",
        echo_state_config.EchoStateConfig,
        _from("echo_state", "EchoState"),
        "a fixed random reservoir with a ridge readout in closed form (Jaeger 2001)",
        echo_state_config.PRESETS,
    )
    yield ModelSpec(
        "gated-delta",
        gated_delta_config.GatedDeltaConfig,
        _from("gated_delta", "GatedDelta"),
        "matrix memories with decay and the delta rule (Gated DeltaNet, Mamba-2, RetNet)",
        gated_delta_config.PRESETS,
        {"lr": 0.015},
    )
    yield ModelSpec(
        "multiscale",
        multiscale_config.MultiscaleConfig,
        _from("multiscale", "Multiscale"),
        "tiers of complex linear recurrent units at ever slower clocks, for raw audio (SaShiMi)",
        multiscale_config.PRESETS,
        {"lr": 0.015},
    )
    yield ModelSpec(
        "linear",
        linear_config.LinearConfig,
        _from("linear", "Linear"),
        "a linear function of the last symbols: an autoregression, what any net must beat",
        linear_config.PRESETS,
    )


def _from(module: str, name: str) -> Callable[[Any, SequenceSpec], SequenceModel[Any]]:
    """What builds the model `name` of a module that is imported only then."""

    def build(config: Any, spec: SequenceSpec) -> SequenceModel[Any]:
        return getattr(import_module(f".{module}", __name__), name)(config, spec)

    return build


def _recurrent(config: recurrent_config.RecurrentConfig, spec: SequenceSpec) -> SequenceModel[Any]:
    if config.bidirectional:
        return _from("bidirectional", "Bidirectional")(config, spec)
    return _from("recurrent", "Recurrent")(config, spec)

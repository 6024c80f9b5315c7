"""The models that wavegen ships, as plugins like any other. Importing this imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..hookspecs import ModelSpec, hookimpl
from . import (
    clockwork_config,
    conv_gru_config,
    echo_state_config,
    gated_delta_config,
    linear_transformer_config,
    multiscale_config,
    recurrent_config,
    tcn_config,
    transformer_config,
)
from .wavenet_config import PRESETS, WaveNetConfig


@hookimpl
def wavegen_models() -> Iterable[ModelSpec]:
    """WaveNet."""
    yield ModelSpec(
        "wavenet",
        WaveNetConfig,
        _wavenet,
        "dilated causal convolutions with cached generation (van den Oord 2016, Le Paine 2016)",
        PRESETS,
    )
    yield ModelSpec(
        "tcn",
        tcn_config.TCNConfig,
        _tcn,
        "temporal convolutional network: residual blocks of dilated convolutions (Bai 2018)",
        tcn_config.PRESETS,
    )
    yield ModelSpec(
        "recurrent",
        recurrent_config.RecurrentConfig,
        _recurrent,
        "stacked recurrent layers: Elman's net, LSTM or GRU; also bidirectional, to fill in",
        recurrent_config.PRESETS,
    )
    yield ModelSpec(
        "linear-transformer",
        linear_transformer_config.LinearTransformerConfig,
        _linear_transformer,
        "attention by kernel features, played as an RNN (Katharopoulos 2020)",
        linear_transformer_config.PRESETS,
    )
    yield ModelSpec(
        "transformer",
        transformer_config.TransformerConfig,
        _transformer,
        "softmax attention to a window of the past, kept in a ring (Vaswani 2017)",
        transformer_config.PRESETS,
    )
    yield ModelSpec(
        "clockwork",
        clockwork_config.ClockworkConfig,
        _clockwork,
        "groups of units that run at every 1st, 2nd, 4th, ... step (Koutnik 2014)",
        clockwork_config.PRESETS,
    )
    yield ModelSpec(
        "conv-gru",
        conv_gru_config.ConvGRUConfig,
        _conv_gru,
        "a strided convolution with a GRU behind it (Geron 2019)",
        conv_gru_config.PRESETS,
    )
    yield ModelSpec(
        "echo-state",
        echo_state_config.EchoStateConfig,
        _echo_state,
        "a fixed random reservoir with a ridge readout in closed form (Jaeger 2001)",
        echo_state_config.PRESETS,
    )
    yield ModelSpec(
        "gated-delta",
        gated_delta_config.GatedDeltaConfig,
        _gated_delta,
        "matrix memories with decay and the delta rule (Gated DeltaNet, Mamba-2, RetNet)",
        gated_delta_config.PRESETS,
    )
    yield ModelSpec(
        "multiscale",
        multiscale_config.MultiscaleConfig,
        _multiscale,
        "tiers of complex linear recurrent units at ever slower clocks, for raw audio (SaShiMi)",
        multiscale_config.PRESETS,
    )


def _wavenet(config: WaveNetConfig, spec: Any) -> Any:
    from .wavenet import WaveNet

    return WaveNet(config, spec)


def _gated_delta(config: gated_delta_config.GatedDeltaConfig, spec: Any) -> Any:
    from .gated_delta import GatedDelta

    return GatedDelta(config, spec)


def _multiscale(config: multiscale_config.MultiscaleConfig, spec: Any) -> Any:
    from .multiscale import Multiscale

    return Multiscale(config, spec)


def _tcn(config: tcn_config.TCNConfig, spec: Any) -> Any:
    from .tcn import TCN

    return TCN(config, spec)


def _recurrent(config: recurrent_config.RecurrentConfig, spec: Any) -> Any:
    if config.bidirectional:
        from .bidirectional import Bidirectional

        return Bidirectional(config, spec)
    from .recurrent import Recurrent

    return Recurrent(config, spec)


def _linear_transformer(
    config: linear_transformer_config.LinearTransformerConfig, spec: Any
) -> Any:
    from .linear_transformer import LinearTransformer

    return LinearTransformer(config, spec)


def _clockwork(config: clockwork_config.ClockworkConfig, spec: Any) -> Any:
    from .clockwork import Clockwork

    return Clockwork(config, spec)


def _conv_gru(config: conv_gru_config.ConvGRUConfig, spec: Any) -> Any:
    from .conv_gru import ConvGRU

    return ConvGRU(config, spec)


def _transformer(config: transformer_config.TransformerConfig, spec: Any) -> Any:
    from .transformer import Transformer

    return Transformer(config, spec)


def _echo_state(config: echo_state_config.EchoStateConfig, spec: Any) -> Any:
    from .echo_state import EchoState

    return EchoState(config, spec)

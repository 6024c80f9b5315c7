"""The models that wavegen ships, as plugins like any other. Importing this imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..hookspecs import ModelSpec, hookimpl
from . import tcn_config
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


def _wavenet(config: WaveNetConfig, spec: Any) -> Any:
    from .wavenet import WaveNet

    return WaveNet(config, spec)


def _tcn(config: tcn_config.TCNConfig, spec: Any) -> Any:
    from .tcn import TCN

    return TCN(config, spec)

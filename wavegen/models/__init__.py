"""The models that wavegen ships, as plugins like any other. Importing this imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..hookspecs import ModelSpec, hookimpl
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


def _wavenet(config: WaveNetConfig, spec: Any) -> Any:
    from .wavenet import WaveNet

    return WaveNet(config, spec)

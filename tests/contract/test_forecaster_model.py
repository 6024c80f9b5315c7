"""The model `forecaster` keeps every law of the kit, whatever its scaler."""

from __future__ import annotations

import pytest
import torch
from wavegen_series.model import ForecasterModel
from wavegen_series.model_config import ForecasterConfig, ScalerName

from wavegen.testing import ModelContract
from wavegen.testing.inputs import SPECS

KINDS: dict[str, tuple[ScalerName, int, str]] = {
    "none": ("none", 0, "values"),
    "mean-absolute": ("mean-absolute", 7, "values"),
    "standard": ("standard", 7, "vectors with conditions"),
    "robust": ("robust", 7, "vectors with conditions"),
    "difference": ("difference", 0, "values"),
}


class TestScalers(ModelContract):
    long_run = 100

    @pytest.fixture(params=KINDS)
    def model(self, request: pytest.FixtureRequest) -> ForecasterModel:
        scaler, memory, spec = KINDS[request.param]
        config = ForecasterConfig("linear", ("lags=3",), scaler, memory)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return ForecasterModel(config, SPECS[spec])

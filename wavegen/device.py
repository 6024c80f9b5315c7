"""Which device to compute on."""

from __future__ import annotations

import torch

from .errors import ConfigError


def choose(name: str) -> torch.device:
    """The device `cpu`, `mps`, `cuda` or `cuda:1`; `auto` takes CUDA, then MPS, then the CPU."""
    available = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if name == "auto":
        name = next(kind for kind, is_here in available.items() if is_here())
    kind, _, index = name.partition(":")
    if kind not in available or (index and not index.isdecimal()):
        raise ConfigError(f"device is {name!r}; it must be auto, cpu, cuda, cuda:N or mps")
    if not available[kind]():
        raise ConfigError(f"device is {name!r}, which this PyTorch cannot use; try device=cpu")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device is {name!r}; there are {torch.cuda.device_count()} CUDA devices")
    return torch.device(name)

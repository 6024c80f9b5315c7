"""How fast a WaveNet trains here, beside the plain formulation with Conv1d, in the same run.

Dimensions: B batch, T steps, R residual channels, G gate channels, S skip channels.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..heads import Categorical
from ..model import SequenceSpec
from ..models.wavenet import WaveNet
from ..models.wavenet_config import PRESETS, WaveNetConfig
from .allocator import keep_freed_memory
from .loop import Scorer
from .windows import Batch

_CLASSES, _BATCH, _STEPS = 256, 2, 8000


class PlainWaveNet(nn.Module):
    """The same network as most people write it: one Conv1d for each arrow of the figure."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        residual, gate, skip = config.residual_channels, config.gate_channels, config.skip_channels
        self.dilations, self.kernel = config.all_dilations, config.kernel
        self.embedding = nn.Embedding(_CLASSES, residual)
        self.gates = nn.ModuleList(
            nn.Conv1d(residual, gate, config.kernel, dilation=d) for d in self.dilations
        )
        self.mixes = nn.ModuleList(nn.Conv1d(gate // 2, residual, 1) for _ in self.dilations)
        self.skips = nn.ModuleList(nn.Conv1d(gate // 2, skip, 1) for _ in self.dilations)
        self.output = nn.Sequential(
            nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, _CLASSES, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(B, T)` to logits `(B, 256, T)`."""
        h = self.embedding(x).transpose(1, 2)
        total: Tensor | None = None
        layers = zip(self.dilations, self.gates, self.mixes, self.skips, strict=True)
        for dilation, gate, mix, skip in layers:
            filtered, opened = gate(F.pad(h, ((self.kernel - 1) * dilation, 0))).chunk(2, 1)
            a = filtered.tanh() * opened.sigmoid()
            total = skip(a) if total is None else total + skip(a)
            h = h + mix(a)
        return self.output(total)


def bench_train(preset: str, rounds: int = 5) -> dict[str, object]:
    """Scored samples/s of forward, backward and AdamW over 2 x 8,000 samples; medians of rounds.

    All three take turns in every round, so that a busy machine slows them alike.
    """
    if preset not in PRESETS:
        raise ConfigError(f"no configuration {preset!r}; known: {', '.join(PRESETS)}")
    keep_freed_memory()
    config = WaveNetConfig(**PRESETS[preset])
    torch.manual_seed(0)
    model = WaveNet(config, SequenceSpec(_CLASSES, _CLASSES))
    plain = PlainWaveNet(config)
    runners = {
        "conv1d_float32": _plain_step(plain),
        "float32": _step(model, bfloat16=False),
        "bfloat16": _step(model, bfloat16=True),
    }
    for run in runners.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    rates = {name: _BATCH * _STEPS / statistics.median(s) for name, s in seconds.items()}
    ratios = {
        f"{name}_vs_conv1d": statistics.median(
            a / b for a, b in zip(seconds["conv1d_float32"], seconds[name], strict=True)
        )
        for name in ("float32", "bfloat16")
    }
    return {
        "config": preset,
        "parameters": sum(p.numel() for p in model.parameters()),
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "samples_per_s": {name: round(rate) for name, rate in rates.items()},
        **{name: round(ratio, 2) for name, ratio in ratios.items()},
    }


def _optimizer(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(module.parameters(), lr=1e-3, fused=True)


def _symbols() -> Tensor:
    return torch.randint(0, _CLASSES, (_BATCH, _STEPS + 1))


def _plain_step(module: PlainWaveNet) -> Callable[[], None]:
    """One update of the plain formulation."""
    optimizer, x = _optimizer(module), _symbols()

    def run() -> None:
        F.cross_entropy(module(x[:, :-1]), x[:, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()

    return run


def _step(model: WaveNet, bfloat16: bool) -> Callable[[], None]:
    """One update as training does it, of as many steps in and as many scored as the plain one."""
    scorer = Scorer(model, Categorical(_CLASSES))
    optimizer, x = _optimizer(scorer), _symbols()
    batch = Batch(x[:, :-1], x[:, 1:], torch.ones(_BATCH, _STEPS), None, None)

    def run() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            nats, count = scorer(batch)
        (nats / count).backward()
        optimizer.step()
        optimizer.zero_grad()

    return run

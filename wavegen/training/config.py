"""Settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..config import option
from ..errors import ConfigError


@dataclass(frozen=True)
class TrainerConfig:
    """How long, how fast and how a model is trained."""

    minutes: float = option(0, "stop after this long, validation included; 0 is no limit")
    steps: int = option(0, "stop after this many updates; 0 is no limit (20 minutes if both are)")
    batch: int = option(4, "windows in a batch, on each device")
    window: int = option(4096, "steps of a window that are scored, after a full receptive field")
    context: int = option(512, "lead-in of a window where the receptive field is unbounded")
    lr: float = option(4e-3, "highest learning rate of AdamW")
    muon_lr: float = option(
        0.02, "highest learning rate of Muon, for the hidden weights a model names; 0: all AdamW"
    )
    schedule: Literal["cosine", "one-cycle", "constant"] = option(
        "cosine", "how the learning rate falls: half a cosine, a ramp up and down, or not at all"
    )
    warmup: float = option(0.02, "share of the run in which the learning rate rises")
    beta2: float = option(0.98, "memory of AdamW for squared gradients")
    weight_decay: float = option(0.01, "decoupled weight decay of AdamW")
    muon_decay: float = option(0.0, "decoupled weight decay of Muon")
    clip: float = option(1.0, "largest norm of a gradient; 0 is no limit")
    accumulate: int = option(1, "batches that are added up for one update")
    ema: float = option(0.999, "memory of the averaged weights that are kept; 0 is none")
    precision: Literal["auto", "float32", "bfloat16"] = option(
        "auto", "of the products; auto is bfloat16 where the device is fast at it"
    )
    compile: bool = option(False, "compile the model with torch.compile first")
    device: str = option("auto", "auto, cpu, cuda or mps")
    threads: int = option(0, "CPU threads; 0 leaves the choice to torch")
    validations: int = option(10, "how often to validate and save on the way, evenly spread")
    valid_steps: int = option(400_000, "most steps that one validation scores; the last has all")
    sample_seconds: float = option(
        0, "length of a sample that is drawn after each validation for the observers; 0 is none"
    )
    keep: int = option(2, "how many of the newest checkpoints to keep, besides the best")
    seed: int = option(0, "of the first weights, the windows and the dropout")
    init: Literal["model", "keras"] = option(
        "model", "first weights: as the model draws them, or as Keras does (Glorot uniform)"
    )

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        least = {
            "minutes": 0,
            "steps": 0,
            "batch": 1,
            "window": 1,
            "context": 1,
            "muon_lr": 0,
            "warmup": 0,
            "weight_decay": 0,
            "muon_decay": 0,
            "clip": 0,
            "accumulate": 1,
            "threads": 0,
            "validations": 0,
            "valid_steps": 1,
            "sample_seconds": 0,
            "keep": 1,
            "seed": 0,
        }
        for name, low in least.items():
            if not getattr(self, name) >= low:
                raise ConfigError(
                    f"trainer.{name} is {getattr(self, name)}; it must be {low} or more"
                )
        if not 0 < self.lr < 10:
            raise ConfigError(f"trainer.lr is {self.lr}; it must be above 0 and below 10")
        for name in ("ema", "beta2", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"trainer.{name} is {getattr(self, name)}; it must be 0 or above, below 1"
                )

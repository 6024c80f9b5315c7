"""Which engine plays a model: the native one where it can, else PyTorch and a line of why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..cores import usable_cores
from ..errors import ConfigError, ProgramError
from ..heads import Filter, Head
from ..model import SequenceModel
from ..native.binding import NativeUnavailable, core
from ..program.precision import precision_of, with_precision
from .engine import Engine
from .native_engine import NativeEngine
from .torch_engine import MIN_SLOTS, TorchEngine

ENGINES = ("auto", "native", "torch")

_TORCH_SLOTS = {"cpu": 8, "mps": 8, "cuda": 64}
"""Voices that are stepped together; the same number gives the same samples."""
_NATIVE_SLOTS = 64


@dataclass(frozen=True)
class EngineOptions:
    """What may be said about how a model is played."""

    engine: str = "auto"
    """One of `ENGINES`."""
    precision: str = "float32"
    """Of the matrices of the native engine: float32, bfloat16 or int8."""
    slots: int | None = None
    """Voices played together; None takes what suits the engine."""
    threads: int | None = None
    """Of the native engine, among which voices are shared out; None takes all cores."""

    def __post_init__(self) -> None:
        """Refuse unknown names."""
        if self.engine not in ENGINES:
            raise ConfigError(f"engine is {self.engine!r}; it must be {', '.join(ENGINES)}")
        precision_of(self.precision)


@dataclass(frozen=True)
class ChosenEngine:
    """An engine, its name, and why it is not the native one, where that could have been."""

    name: str
    engine: Engine
    note: str | None = None


def choose(
    model: SequenceModel[Any],
    head: Head,
    filters: Sequence[Filter],
    device: torch.device,
    options: EngineOptions,
    fingerprint: Callable[[], str],
) -> ChosenEngine:
    """The engine that the options ask for; `auto` is native on the CPU where that is possible."""
    note: str | None = None
    if options.engine == "native" and device.type != "cpu":
        raise ConfigError(f"the native engine plays on the CPU, not on {device}; use device=cpu")
    if options.engine != "torch" and device.type == "cpu":
        try:
            return ChosenEngine("native", _native(model, head, filters, options, fingerprint))
        except (NativeUnavailable, ProgramError) as error:
            if options.engine == "native":
                raise
            note = f"played by the torch engine: {error}"
    if options.precision != "float32":
        raise ConfigError(
            f"precision is {options.precision}, but the torch engine plays in float32 only"
            + (f"; {note}" if note else "; use engine=native on the CPU")
        )
    slots = options.slots or _TORCH_SLOTS[device.type]
    if slots < MIN_SLOTS:
        raise ConfigError(f"slots is {slots}; the torch engine needs {MIN_SLOTS} or more")
    engine = TorchEngine(model, head, slots=slots, device=device, filters=filters)
    return ChosenEngine("torch", engine, note)


def _native(
    model: SequenceModel[Any],
    head: Head,
    filters: Sequence[Filter],
    options: EngineOptions,
    fingerprint: Callable[[], str],
) -> NativeEngine:
    """Raises `NativeUnavailable` or `ProgramError`."""
    from ..program.stored import lowered  # it takes a while to import

    core()
    program = with_precision(
        lowered(model, head, filters, fingerprint()), precision_of(options.precision)
    )
    return NativeEngine(
        model,
        head,
        program,
        slots=options.slots or _NATIVE_SLOTS,
        threads=options.threads or usable_cores(),
    )

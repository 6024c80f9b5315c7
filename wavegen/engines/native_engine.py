"""The native engine: plays a model's step program in C++, with no Python inside the loop.

A voice's state stays the model's own tree of tensors, so voices and saved sessions move freely
between this engine and the torch engine. PyTorch makes fresh states and takes in primes; the
program does all steps.

Dimensions: V voices, T steps, E event shape, C condition channels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..heads import Head
from ..model import SequenceModel
from ..native import library
from ..program.program import Program
from .arena import StateLayout
from .engine import Engine, Seat, Voice
from .native_seat import NativeSeat
from .torch_engine import MIN_SLOTS, TorchEngine


class NativeEngine(Engine):
    """Any number of slots, shared out among threads; neither changes a bit of what is drawn."""

    def __init__(
        self,
        model: SequenceModel[Any],
        head: Head,
        program: Program,
        *,
        slots: int = 64,
        threads: int = 1,
    ) -> None:
        if slots < 1:
            raise ValueError(f"slots is {slots}; it must be 1 or more")
        self.slots = slots
        self.program = library.Program(program.to_bytes())
        self._layout = StateLayout(program.header)
        self._parallel = TorchEngine(model, head, slots=MIN_SLOTS, device=torch.device("cpu"))
        self._event_shape = head.event_shape
        self._threads = threads
        # A runner belongs to one thread at a time, and several may play this model.
        self._runners: deque[library.Runner] = deque()

    def start(self, first: Tensor, position: int, static: Tensor | None = None) -> Voice:
        """A voice with the model's fresh state."""
        return self._parallel.start(first, position, static)

    def prime(self, voice: Voice, x: Tensor, cond: Tensor | None = None) -> Voice:
        """One parallel pass of PyTorch, in float32 whatever the program's precision."""
        return self._parallel.prime(voice, x, cond)

    def advance(
        self, voices: Sequence[Voice], n_steps: int, cond: Tensor | None = None
    ) -> tuple[Tensor, list[Voice]]:
        """Copy the voices, play the copies."""
        seats = [self.seat(voice) for voice in voices]
        drawn = self.play(seats, n_steps, cond)
        return drawn, [seat.leave() for seat in seats]

    def seat(self, voice: Voice) -> NativeSeat:
        """A copy of the voice, in the memory that the program works on."""
        return NativeSeat(voice, self._layout, self.program.event_type)

    def play(self, seats: Sequence[Seat], n_steps: int, cond: Tensor | None = None) -> Tensor:
        """Nothing is copied."""
        if not 0 < len(seats) <= self.slots:
            raise ValueError(f"{len(seats)} voices for {self.slots} slots")
        drawn = np.empty((len(seats), n_steps, *self._event_shape), self.program.event_type)
        rows = None if cond is None else _dense(cond)
        slots: list[library.Slot] = []
        for row, (seat, events) in enumerate(zip(seats, drawn, strict=True)):
            assert isinstance(seat, NativeSeat)
            seat.slot.events = events
            seat.slot.cond = None if rows is None else rows[row]
            slots.append(seat.slot)
        with self._runner() as runner:
            runner.advance(slots, n_steps)
        return torch.from_numpy(drawn)

    def follow(self, voice: Voice, x: Tensor, cond: Tensor | None = None) -> tuple[Tensor, Voice]:
        """Step through symbols `(T, *E)` that are given: the head's parameters `(T, P)` for each.

        `cond` `(T, C)` belongs to them.
        """
        params = np.empty((len(x), self.program.header["n_params"]), np.float32)
        seat = self.seat(voice)
        seat.slot.cond = None if cond is None else _dense(cond)
        seat.slot.given = np.array(x.reshape(len(x), -1).cpu().numpy(), self.program.event_type)
        seat.slot.params = params
        with self._runner() as runner:
            runner.advance([seat.slot], len(x))
        return torch.from_numpy(params), seat.leave()

    @contextmanager
    def _runner(self) -> Iterator[library.Runner]:
        """A runner that nobody else uses."""
        try:
            runner = self._runners.pop()
        except IndexError:
            runner = self.program.runner(self._threads)
        try:
            yield runner
        finally:
            self._runners.append(runner)


def _dense(cond: Tensor) -> npt.NDArray[np.float32]:
    return cond.detach().cpu().float().contiguous().numpy()

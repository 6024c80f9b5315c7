"""The torch engine: plays any model on any device, in a fixed number of slots.

Matrix libraries add in another order for other batch sizes, so a voice would sound different in
other company. Therefore every step runs with all slots, and free slots repeat a voice. Four slots
are the least: for 1 to 3 rows some libraries take a path of their own, for which the order
of additions may depend on the row. For the same reason every tensor that enters a step begins at
an address of its own, never inside another tensor: order may depend on alignment too.

Dimensions: B slots, V voices, T steps, U uniforms, E event shape, C condition channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .. import state as trees
from ..heads import Filter, Head
from ..model import SequenceModel
from ..noise import uniforms
from ..sampling import ControlBatch
from .cuda_graph import GraphedStep
from .engine import Engine, Voice
from .stepping import PlainStep, Step

MIN_SLOTS = 4

_BLOCK_STEPS = 1024  # bounds the memory of precomputed noise


class TorchEngine(Engine):
    """Plain PyTorch on the CPU; on CUDA the whole step, draw included, is one CUDA graph."""

    def __init__(
        self,
        model: SequenceModel[Any],
        head: Head,
        *,
        slots: int,
        device: torch.device,
        filters: Sequence[Filter] = (),
        threads: int = 1,
    ) -> None:
        if slots < MIN_SLOTS:
            raise ValueError(f"slots is {slots}; it must be {MIN_SLOTS} or more")
        self.slots = slots
        # Memory that another thread asks for would spoil the capture of a CUDA graph.
        self.primes_aside = device.type != "cuda"
        self._model = model.to(device).eval()
        self._head = head.to(device).eval()
        self._filters = tuple(filters)
        self._device = device
        self._threads = threads
        self._graphs: dict[bool, GraphedStep] = {}

    def start(self, first: Tensor, position: int, static: Tensor | None = None) -> Voice:
        """A voice with the model's fresh state."""
        with torch.inference_mode():
            row = None if static is None else static[None].to(self._device)
            return Voice(self._model.init_state(1, row), first[None].to(self._device), position)

    def prime(self, voice: Voice, x: Tensor, cond: Tensor | None = None) -> Voice:
        """One parallel pass over one voice: nobody else's length or number can change its bits."""
        if len(x) == 0:
            return voice
        x = x.to(self._device)
        rows = None if cond is None else _own(cond[None].to(self._device))
        with torch.inference_mode():
            taken = torch.cat([voice.last, x[:-1]])[None]
            _, state = self._model.prefill(taken, trees.fork(voice.state), rows)
            return replace(
                voice, state=state, last=x[-1:].clone(), position=voice.position + len(x)
            )

    def advance(
        self, voices: Sequence[Voice], n_steps: int, cond: Tensor | None = None
    ) -> tuple[Tensor, list[Voice]]:
        """Draw, feed back, repeat."""
        if not 0 < len(voices) <= self.slots:
            raise ValueError(f"{len(voices)} voices for {self.slots} slots")
        rows = [*range(len(voices)), *[0] * (self.slots - len(voices))]
        company = [voices[row] for row in rows]
        drawn = [
            torch.empty((self.slots, 0, *voices[0].last.shape[1:]), dtype=voices[0].last.dtype)
        ]
        with torch.inference_mode(), _threads(self._threads):
            step = self._step(company, None if cond is None else cond[rows, :1])
            for start in range(0, n_steps, _BLOCK_STEPS):
                n = min(_BLOCK_STEPS, n_steps - start)
                noise = self._noise(company, start, n)
                if cond is None:
                    symbols = [step(row, None) for row in noise]
                else:
                    block = cond[rows, start : start + n].to(self._device).unbind(1)
                    symbols = [step(u, _own(c)) for u, c in zip(noise, block, strict=True)]
                drawn.append(torch.stack(symbols, dim=1).cpu())
            after = [
                replace(
                    voice,
                    state=trees.select(step.state, [row]),
                    last=step.last[row : row + 1].clone(),
                    position=voice.position + n_steps,
                )
                for row, voice in enumerate(voices)
            ]
        # Made outside inference mode: an ordinary tensor, free to be used in training.
        return torch.cat(drawn, dim=1)[: len(voices)].clone(), after

    def _noise(self, company: Sequence[Voice], start: int, n: int) -> tuple[Tensor, ...]:
        """n rows of uniforms `(B, U)` on the device."""
        seeds = [voice.seed for voice in company]
        positions = [voice.position + start for voice in company]
        block = torch.from_numpy(uniforms(seeds, positions, n, self._head.n_uniforms))
        return block.transpose(0, 1).contiguous().to(self._device).unbind()

    def _step(self, company: Sequence[Voice], cond: Tensor | None) -> Step:
        """A step that stands where the company stands."""
        state = trees.merge([voice.state for voice in company])
        last = torch.cat([voice.last for voice in company])
        controls = ControlBatch.of([voice.controls for voice in company], self._device)
        plain = PlainStep(self._model, self._head, self._filters, state, last, controls)
        if self._device.type != "cuda":
            return plain
        if controls.truncates not in self._graphs:
            noise = torch.full((self.slots, self._head.n_uniforms), 0.5, device=self._device)
            first = None if cond is None else _own(cond[:, 0].to(self._device))
            self._graphs[controls.truncates] = GraphedStep(plain, noise, first)
        graph = self._graphs[controls.truncates]
        graph.load(state, last, controls)
        return graph


def _own(tensor: Tensor) -> Tensor:
    """The same values, contiguous and at the start of their own memory."""
    return tensor.clone(memory_format=torch.contiguous_format)


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """A step is too small to share: waking a second thread takes longer than it saves."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)

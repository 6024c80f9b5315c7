"""A voice in the memory that a step program works on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..controls import Controls
from ..native import library
from .arena import StateLayout
from .engine import Seat, Voice


class NativeSeat(Seat):
    """A copy of a voice that the native engine plays in place."""

    def __init__(self, voice: Voice, layout: StateLayout, event_type: np.dtype[Any]) -> None:
        last = voice.last.cpu().numpy()
        self._begun, self._layout = voice, layout
        self.slot = library.Slot(
            state=layout.pack(voice.state),
            event=np.array(last, event_type, copy=True).reshape(-1),
            seed=voice.seed,
            position=voice.position,
            controls=voice.controls,
        )

    @property
    def voice(self) -> Voice:
        """A copy."""
        slot = self.slot
        memory = library.aligned(self._layout.n_bytes)
        memory[:] = slot.state
        return self._voice(memory, slot.event.copy())

    def leave(self) -> Voice:
        """The voice without a copy: nobody sits here any more."""
        return self._voice(self.slot.state, self.slot.event)

    def control(self, controls: Controls) -> None:
        """Draw otherwise from the next symbol on."""
        self.slot.controls = controls

    def _voice(self, memory: Any, event: Any) -> Voice:
        begun = self._begun
        return replace(
            begun,
            state=self._layout.unpack(memory, begun.state),
            last=torch.from_numpy(event).view(begun.last.shape),
            position=self.slot.position,
            controls=self.slot.controls,
        )

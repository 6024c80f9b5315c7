"""Open a program file in the native core and play it: numpy arrays in, numpy arrays out."""

from __future__ import annotations

import ctypes
import json
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..controls import Controls
from ..errors import ProgramError
from .binding import CVoice, NativeUnavailable, builds, core

__all__ = ["NativeUnavailable", "Program", "Runner", "Slot", "aligned", "builds", "unary"]

ALIGNMENT = 64
"""Bytes; one cache line and the widest vector."""
EVENT_TYPES = {"i64": np.dtype(np.int64), "f32": np.dtype(np.float32)}
_BYTE, _FLOAT = np.dtype(np.uint8), np.dtype(np.float32)
_LINE = 1024


def aligned(n_bytes: int) -> NDArray[np.uint8]:
    """Zeroed memory `(n_bytes)` that begins at a multiple of 64, as a state must."""
    memory = np.zeros(n_bytes + ALIGNMENT, dtype=np.uint8)
    skip = -memory.ctypes.data % ALIGNMENT
    # Not a slice: of no bytes it would forget where it begins.
    return np.ndarray((n_bytes,), np.uint8, buffer=memory, offset=skip)


@dataclass(slots=True)
class Slot:
    """One sequence being played; `advance` writes `state`, `event`, `position` and the outputs."""

    state: NDArray[np.uint8]
    """`(state_bytes)`, from `aligned`."""
    event: NDArray[Any]
    """`(event.size)`: the last event, int64 for symbols and float32 for values."""
    seed: int = 0
    """Its noise is a function of the seed, modulo 2^64, and of the position."""
    position: int = 0
    """Index of the next event."""
    controls: Controls = field(default_factory=Controls)
    cond: NDArray[np.float32] | None = None
    """`(n_steps, cond_channels)`, or None where the program has none."""
    given: NDArray[Any] | None = None
    """`(n_steps, event.size)`: events to take instead of drawing."""
    events: NDArray[Any] | None = None
    """`(n_steps, event.size)`: where the events go."""
    params: NDArray[np.float32] | None = None
    """`(n_steps, n_params)`: where the parameters of the head go."""
    active: bool = True
    """A slot that is not active is passed over; nothing of it is touched."""


class Program:
    """A program file, read and packed for one build of the kernels.

    `build` is one of `builds()`; None takes the environment variable `WAVEGEN_BUILD`, or the best.
    A program is shared by any number of runners and threads.
    """

    def __init__(self, content: bytes, build: str | None = None) -> None:
        self._core = core()
        choice = build or os.environ.get("WAVEGEN_BUILD")
        message = ctypes.create_string_buffer(_LINE)
        handle = self._core.wg_open(
            content, len(content), choice.encode() if choice else None, message, _LINE
        )
        if not handle:
            raise _error(message)
        self._handle: int = handle
        weakref.finalize(self, self._core.wg_close, handle)
        self.header: dict[str, Any] = json.loads(self._core.wg_header(handle))
        """The program as FORMAT.md describes it."""
        self.build: str = self._core.wg_build(handle).decode()
        self.state_bytes: int = self._core.wg_state_bytes(handle)
        self.macs: int = self._core.wg_macs(handle)
        """Multiplications with weights in one step."""
        self.packed_bytes: int = self._core.wg_packed_bytes(handle)
        """What the packed matrices take in memory."""

    @property
    def event_type(self) -> np.dtype[Any]:
        """int64 for symbols, float32 for values."""
        return EVENT_TYPES[self.header["event"]["type"]]

    def voice_state(self, index: int) -> NDArray[np.uint8] | None:
        """A copy `(state_bytes)` of the state of the file's voice `index`, or None."""
        address = self._core.wg_voice_state(self._handle, index)
        state = aligned(self.state_bytes)
        if not address:
            return None
        ctypes.memmove(state.ctypes.data, address, self.state_bytes)
        return state

    def read_weights(self) -> int:
        """Read all packed weights once, as fast as memory allows: the floor of one step."""
        return self._core.wg_read_weights(self._handle)

    def runner(self, threads: int = 1) -> Runner:
        """Working memory to play with."""
        return Runner(self, threads)


class Runner:
    """Plays voices of one program; it belongs to one thread at a time."""

    def __init__(self, program: Program, threads: int = 1) -> None:
        self.program = program
        self._core = program._core
        self._message = ctypes.create_string_buffer(_LINE)
        handle = self._core.wg_runner_new(program._handle, threads, self._message, _LINE)
        if not handle:
            raise _error(self._message)
        self._handle: int = handle
        # The last argument keeps the program alive until the runner is gone.
        weakref.finalize(self, _free, self._core, handle, program)
        header = program.header
        self._event_type = program.event_type
        self._event_size: int = header["event"]["size"]
        self._n_params: int = header["n_params"]
        self._n_cond: int = header["cond_channels"]
        self._state_bytes = program.state_bytes
        self._voices = (CVoice * 1)()

    def advance(self, voices: Sequence[Slot], n_steps: int) -> None:
        """Play `n_steps` of each active voice; after an error all of them are undefined."""
        if n_steps < 0:
            raise ProgramError(f"n_steps is {n_steps}; it must be 0 or above")
        if len(self._voices) < len(voices):
            self._voices = (CVoice * len(voices))()
        for place, slot in zip(self._voices, voices, strict=False):
            self._fill(place, slot, n_steps)
        done = self._core.wg_advance(
            self._handle, self._voices, len(voices), n_steps, self._message, _LINE
        )
        if done != 0:
            raise _error(self._message)
        for place, slot in zip(self._voices, voices, strict=False):
            if slot.active:
                slot.position = place.position

    def _fill(self, place: CVoice, slot: Slot, n_steps: int) -> None:
        """Say in C where everything of the slot lies."""
        place.active = slot.active
        if not slot.active:
            return
        size, kind = n_steps * self._event_size, self._event_type
        place.state = _address("state", slot.state, _BYTE, self._state_bytes, writes=True)
        if place.state and place.state % ALIGNMENT:
            raise ProgramError("state begins at an odd address; take memory from `aligned`")
        place.event = _address("event", slot.event, kind, self._event_size, writes=True)
        place.seed = slot.seed
        place.position = slot.position
        controls, given = place.controls, slot.controls
        controls.temperature = given.temperature
        controls.top_k = given.top_k
        controls.top_p = given.top_p
        controls.min_p = given.min_p
        controls.typical_p = given.typical_p
        place.cond = _address("cond", slot.cond, _FLOAT, n_steps * self._n_cond)
        place.given = _address("given", slot.given, kind, size)
        place.events = _address("events", slot.events, kind, size, writes=True)
        place.params = _address(
            "params", slot.params, _FLOAT, n_steps * self._n_params, writes=True
        )


def unary(build: str, fn: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """A `fn` of the operation `unary` of x `(n)`, as that build computes it."""
    x = np.ascontiguousarray(x, dtype=np.float32)
    out = np.empty_like(x)
    if core().wg_unary(build.encode(), fn.encode(), x.ctypes.data, out.ctypes.data, x.size) != 0:
        raise ProgramError(f"no function {fn!r} in build {build!r}; the builds are {builds()}")
    return out


def _address(
    name: str, array: NDArray[Any] | None, kind: np.dtype[Any], size: int, *, writes: bool = False
) -> int | None:
    """Where the array begins, once it is known to hold what the core will touch."""
    if array is None:
        return None
    if array.dtype != kind or array.size != size or not array.flags.c_contiguous:
        raise ProgramError(
            f"{name} is {array.dtype} {array.shape}; it must be {kind}, dense, of {size} values"
        )
    if writes and not array.flags.writeable:
        raise ProgramError(f"{name} is read-only; the core writes there, so pass a copy")
    return array.__array_interface__["data"][0]


def _free(library: ctypes.CDLL, handle: int, _program: Program) -> None:
    library.wg_runner_free(handle)


def _error(message: ctypes.Array[ctypes.c_char]) -> ProgramError:
    return ProgramError(message.value.decode(errors="replace"))

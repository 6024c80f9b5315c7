"""A listener's file to symbols, in a process of its own with little memory and time.

Libraries that read sound and MIDI were not written for hostile files: a FLAC of 6 kB can ask for
512 GiB, a MIDI file of 500 kB for 43 s. So they see one private file with a name of ours, in a
process that may not write files, and what they make comes back as plain numbers, never as objects.

Dimensions: T time, E event shape, C condition channels.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..plugins import plugins
from .limits import Limits

if TYPE_CHECKING:
    from ..model import SequenceSpec

READY, GOOD, BAD = b"R", b"G", b"B"
"""First bytes of what the process says: it has started; here are numbers; here is a fault."""
_START_SECONDS = 60.0  # the plugin's own imports, before it sees a byte of the file
_LONGEST_FAULT = 2000
_AT_ONCE = 2
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Decoded:
    """A prime as a model takes it."""

    symbols: npt.NDArray[Any]
    """`(T, *E)`: what `domain.encode(domain.load(path))` gave."""
    conditions: npt.NDArray[Any] | None
    """`(T, C)` float32: what `domain.conditions` gave, where they were asked for."""

    @property
    def n_bytes(self) -> int:
        """Memory it takes."""
        return self.symbols.nbytes + (0 if self.conditions is None else self.conditions.nbytes)


class Decoder:
    """Decodes what is uploaded, a few files at a time; it belongs to one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def decode(
        self,
        content: bytes,
        suffix: str,
        *,
        domain: Mapping[str, Any],
        spec: SequenceSpec,
        max_steps: int,
    ) -> Decoded:
        """Decode a file, to what the model of `spec` takes.

        `domain` is that part of the run's config, `suffix` one of the domain's; `max_steps` are
        kept. Raises `DataError` with one line, whatever the file holds. Where the model takes no
        conditions and the domain has a player, the process needs no PyTorch. Its memory and
        processor time are limited on Linux alone, its time by the clock everywhere.
        """
        if not re.fullmatch(r"\.[A-Za-z0-9]{1,16}", suffix):
            raise DataError(f"suffix is {suffix!r:.40}; it must be an ending such as .wav")
        asked = {
            "domain": dict(domain),
            "plugin_files": [r.target for r in plugins().rows() if os.path.isabs(r.target)],
            "with_conditions": spec.cond_channels > 0,
            "max_steps": max_steps,
            "bytes": self._limits.decode_bytes,
            "seconds": self._limits.decode_seconds,
        }
        async with self._turn:
            with TemporaryDirectory(prefix="wavegen-prime-") as folder:
                path = Path(folder) / f"upload{suffix.lower()}"
                await asyncio.to_thread(path.write_bytes, content)
                said = await _asked({**asked, "path": str(path)}, self._limits)
        return _decoded(said, spec, max_steps)


async def _asked(asked: Mapping[str, Any], limits: Limits) -> bytes:
    """What a new process says to this; afterwards it is no more."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-B", "-m", "wavegen.serve.decoding_process"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,  # C libraries write there what the file makes them say
        env={**os.environ, **_ONE_THREAD},
    )
    try:
        return await _said(process, json.dumps(asked).encode(), limits)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _said(process: Process, asked: bytes, limits: Limits) -> bytes:
    """All that the process says after it has started."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(asked)
    process.stdin.close()
    try:
        async with asyncio.timeout(_START_SECONDS):
            begun = await process.stdout.read(1)
    except TimeoutError:
        raise DataError(f"the decoder did not start within {_START_SECONDS:g} s") from None
    if begun != READY:
        raise DataError("the decoder did not start; the server's plugins or memory are at fault")
    said = bytearray()
    try:
        async with asyncio.timeout(limits.decode_seconds):
            while piece := await process.stdout.read(2**20):
                said += piece
                if len(said) > limits.decode_bytes:
                    raise DataError("the file becomes too much; send a shorter one")
            await process.wait()
    except TimeoutError:
        raise DataError(
            f"the file takes more than {limits.decode_seconds:g} s to decode; send a shorter one"
        ) from None
    if process.returncode != 0:
        raise DataError(
            f"the file cannot be decoded: its reader broke, or wanted more than "
            f"{limits.decode_seconds:g} s or {limits.decode_bytes // 10**6} MB; send a shorter "
            "one, or write it anew with another program"
        )
    return bytes(said)


def _decoded(said: bytes, spec: SequenceSpec, max_steps: int) -> Decoded:
    """The numbers in what a process said, which may be a captive of the file by now."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    kind, rest = said[:1], said[1:]
    if kind == BAD:
        raise DataError(" ".join(rest[:_LONGEST_FAULT].decode(errors="replace").split()))
    try:
        arrays = load(rest) if kind == GOOD else {}
    except (SafetensorError, ValueError):
        arrays = {}
    found = Decoded(arrays.get("symbols", np.empty(0)), arrays.get("conditions"))
    if not _fits(found, spec, max_steps):
        raise DataError("the file cannot be decoded; write it anew and try again")
    return found


def _fits(found: Decoded, spec: SequenceSpec, max_steps: int) -> bool:
    """Whether a model can take it: kernels look a symbol up without asking how large it is."""
    x, rows = found.symbols, found.conditions
    if x.dtype != (np.float32 if spec.n_classes is None else np.int64):
        return False
    if x.shape[1:] != spec.event_shape or len(x) > max_steps:
        return False
    if spec.n_classes is not None and not ((x >= 0) & (x < spec.n_classes)).all():
        return False
    if spec.cond_channels == 0:
        return rows is None
    return (
        rows is not None and rows.dtype == np.float32 and rows.shape == (len(x), spec.cond_channels)
    )

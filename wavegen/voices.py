"""A session: one voice under a person's hands, to be primed, played, marked, forked and kept.

Dimensions: T steps, E event shape, C condition channels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from . import atomic, config
from . import state as trees
from .controls import Controls
from .engines.engine import Engine, Voice
from .errors import CheckpointError, ConfigError
from .heads import Head

_FORMAT = "wavegen session 1"


class Session:
    """Symbols in and out, in any pieces: the same symbols come out for every way of cutting."""

    def __init__(self, engine: Engine, head: Head, voice: Voice, fingerprint: str) -> None:
        head.admit(voice.controls)
        self._engine, self._head, self._fingerprint = engine, head, fingerprint
        self._voice = voice

    @property
    def position(self) -> int:
        """How many symbols the sequence has."""
        return self._voice.position

    @property
    def seed(self) -> int:
        """Its noise is a function of this and of the position."""
        return self._voice.seed

    @property
    def controls(self) -> Controls:
        """How its next symbols are drawn."""
        return self._voice.controls

    def set_controls(self, controls: Controls) -> None:
        """Draw otherwise from the next symbol on."""
        self._head.admit(controls)
        self._voice = replace(self._voice, controls=controls)

    def prime(self, x: Tensor, cond: Tensor | None = None) -> None:
        """Take in symbols `(T, *E)` as if they had been drawn; `cond` `(T, C)` belongs to them."""
        self._voice = self._engine.prime(self._voice, x, cond)

    def step(self, n: int = 1, cond: Tensor | None = None) -> Tensor:
        """Draw the next n symbols `(n, *E)`; `cond` is `(n, C)`."""
        rows = None if cond is None else cond[None]
        drawn, (self._voice,) = self._engine.advance([self._voice], n, rows)
        return drawn[0]

    def mark(self) -> Voice:
        """This moment, for `rewind`; it costs nothing."""
        return self._voice

    def rewind(self, mark: Voice) -> None:
        """Go back (or forth) to a moment of this session or of its forks."""
        self._voice = mark

    def fork(self, seed: int | None = None) -> Session:
        """A session that goes on from here by itself: otherwise with another seed, else alike."""
        seed = self.seed if seed is None else seed
        twin = replace(self._voice, seed=seed)
        return Session(self._engine, self._head, twin, self._fingerprint)

    def save(self, path: Path | str) -> None:
        """Write everything that `resume` needs, beside the model itself, to one file."""
        tensors = {
            name: leaf.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, leaf in trees.leaves(_tensors_of(self._voice)).items()
        }
        metadata = {
            "format": _FORMAT,
            "model": self._fingerprint,
            "position": str(self.position),
            "seed": str(self.seed),
            "controls": json.dumps(asdict(self.controls)),
        }
        metadata["sha256"] = _digest(tensors, metadata)
        try:
            atomic.write_file(Path(path), to_safetensors(tensors, metadata))
        except OSError as error:
            raise CheckpointError(f"{path}: cannot save the session ({error.strerror})") from error

    @classmethod
    def resume(
        cls, path: Path, engine: Engine, head: Head, like: Voice, fingerprint: str
    ) -> Session:
        """Read a saved session; `like` is any voice of the same model."""
        tensors, metadata = _read(path)
        if metadata.get("model") != fingerprint:
            raise CheckpointError(
                f"{path}: this session was played by another model; resume it with the checkpoint "
                "that made it"
            )
        restored = trees.restore(tensors, _tensors_of(like), source=str(path))
        last = restored["last"]
        if (
            head.n_classes is not None
            and not 0 <= int(last.min()) <= int(last.max()) < head.n_classes
        ):
            raise CheckpointError(f"{path}: its last symbol is none of {head.n_classes} classes")
        try:
            position, seed = int(metadata["position"]), int(metadata["seed"])
            controls = config.parse(Controls, json.loads(metadata["controls"]), "controls")
        except (KeyError, ValueError, TypeError, ConfigError) as error:
            raise CheckpointError(f"{path}: is no whole session ({error!r})") from error
        if not 0 <= position < 2**62:
            raise CheckpointError(f"{path}: stands at the position {position}, which is none")
        return cls(
            engine, head, Voice(restored["state"], last, position, seed, controls), fingerprint
        )


def _tensors_of(voice: Voice) -> dict[str, Any]:
    return {"state": voice.state, "last": voice.last}


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a session file that is whole."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a readable session ({error})") from error
    if metadata.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: is no session that this version of wavegen can read")
    if metadata.pop("sha256", "") != _digest(tensors, metadata):
        raise CheckpointError(f"{path}: is damaged, its sha256 is not the one inside it")
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """sha256 over all values."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

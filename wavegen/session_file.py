"""The file of a voice that was kept: safetensors, and refused where anything in it is amiss.

Dimensions: E event shape.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from safetensors.torch import save as to_safetensors
from torch import Tensor

from . import atomic, config
from . import state as trees
from .controls import Controls
from .engines.engine import Voice
from .errors import CheckpointError, ConfigError
from .heads import Head

_FORMAT = "wavegen session 1"
_BESIDE = "beside."


@dataclass(frozen=True)
class Kept:
    """A voice between two steps, with what was kept beside it."""

    voice: Voice
    beside: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    """What a stream remembers besides: of its decoder, and conditions still to come."""


def pack(kept: Kept, fingerprint: str) -> bytes:
    """Everything that is needed to go on, beside the model of that fingerprint itself."""
    voice = kept.voice
    leaves = trees.leaves(_tensors_of(voice))
    leaves |= {f"{_BESIDE}{name}": leaf for name, leaf in kept.beside.items()}
    tensors = {
        name: leaf.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, leaf in leaves.items()
    }
    metadata = {
        "format": _FORMAT,
        "model": fingerprint,
        "position": str(voice.position),
        "seed": str(voice.seed),
        "controls": json.dumps(asdict(voice.controls)),
    }
    metadata["sha256"] = _digest(tensors, metadata)
    return to_safetensors(tensors, metadata)


def unpack(content: bytes, source: str, like: Voice, head: Head, fingerprint: str) -> Kept:
    """What `pack` packed; `like` is any voice of the same model.

    Raises `CheckpointError`, naming `source`, where it is damaged or another model's.
    """
    tensors, metadata = _read(content, source)
    if metadata.get("model") != fingerprint:
        raise CheckpointError(
            f"{source}: this session was played by another model; resume it with the checkpoint "
            "that made it"
        )
    beside = {
        name.removeprefix(_BESIDE): tensors.pop(name)
        for name in list(tensors)
        if name.startswith(_BESIDE)
    }
    restored = trees.restore(tensors, _tensors_of(like), source)
    last = restored["last"]
    if head.n_classes is not None and not 0 <= int(last.min()) <= int(last.max()) < head.n_classes:
        raise CheckpointError(f"{source}: its last symbol is none of {head.n_classes} classes")
    try:
        position, seed = int(metadata["position"]), int(metadata["seed"])
        controls = config.parse(Controls, json.loads(metadata["controls"]), "controls")
    except (KeyError, ValueError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{source}: is no whole session ({error!r})") from error
    if not 0 <= position < 2**62:
        raise CheckpointError(f"{source}: stands at the position {position}, which is none")
    return Kept(Voice(restored["state"], last, position, seed, controls), beside)


def write(path: Path, content: bytes) -> None:
    """Put a packed session in a file. Raises `CheckpointError`."""
    try:
        atomic.write_file(path, content)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot save the session ({error.strerror})") from error


def read(path: Path) -> bytes:
    """A packed session from a file. Raises `CheckpointError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: not a readable session ({error})") from error


def _tensors_of(voice: Voice) -> dict[str, Any]:
    return {"state": voice.state, "last": voice.last}


def _read(content: bytes, source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a session file that is whole."""
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{source}: not a readable session ({error})") from error
    # The library has read this very header, and takes no other than JSON of this shape.
    size = int.from_bytes(content[:8], "little")
    metadata = dict(json.loads(content[8 : 8 + size]).get("__metadata__") or {})
    if metadata.get("format") != _FORMAT:
        raise CheckpointError(f"{source}: is no session that this version of wavegen can read")
    if metadata.pop("sha256", "") != _digest(tensors, metadata):
        raise CheckpointError(f"{source}: is damaged, its sha256 is not the one inside it")
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """sha256 over all values."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

"""Checkpoints: one folder that holds all of a model, checked before any of it is believed.

    RUN/checkpoints/step-00001000/
        config.json          what it is: model, domain, plugins, how it was trained
        model.safetensors    weights, named `model.*` and `head.*`
        README.md            the card
        training/            what resuming needs: tensors.safetensors, state.json (may be deleted)
        manifest.json        size and sha256 of each file above

The folder appears in one rename after everything is on the disk. It loads wherever it is copied.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__, atomic, shipped
from .errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1

_CONFIG, _WEIGHTS, _CARD, _MANIFEST = (
    "config.json",
    "model.safetensors",
    "README.md",
    "manifest.json",
)
_TRAINING = "training/"
_TENSORS, _STATE = f"{_TRAINING}tensors.safetensors", f"{_TRAINING}state.json"
_NAMES = {_CONFIG, _WEIGHTS, _CARD, _TENSORS, _STATE}
_MAX_JSON_BYTES = 16 * 2**20
_STEP = re.compile(r"step-(\d{8,})(?:-(\d+))?")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose files were found to be whole."""

    path: Path
    config: Mapping[str, Any]
    files: frozenset[str]

    @property
    def has_training(self) -> bool:
        """Whether training can go on from here."""
        return _STATE in self.files

    def weights(self) -> dict[str, Tensor]:
        """Weights by name, `model.*` and `head.*`."""
        return _tensors(self.path / _WEIGHTS)

    def training(self) -> dict[str, Tensor]:
        """The tensors that were given as `training`."""
        self._need_training()
        return _tensors(self.path / _TENSORS)

    def training_state(self) -> dict[str, Any]:
        """The plain values that were given as `training_state`."""
        self._need_training()
        return _json(self.path / _STATE)

    def _need_training(self) -> None:
        if not self.has_training:
            raise CheckpointError(
                f"{self.path}: holds no training state; it can be played, not trained further"
            )


def write(
    run: Path,
    step: int,
    *,
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    card: str,
    training: Mapping[str, Tensor] | None = None,
    training_state: Mapping[str, Any] | None = None,
    keep: int = 2,
) -> Path:
    """Write the checkpoint of `step`; drop all but the `keep` newest and the best of the run.

    Nothing that exists is touched before the new one is safe on the disk.
    """
    folder = run / "checkpoints"
    older = checkpoints(run)
    again = 0
    if older:
        last_step, last_again = _order(older[-1])
        if last_step > step:
            raise CheckpointError(
                f"{older[-1]}: is newer than the step {step} to be saved; resume that run or "
                "choose another folder"
            )
        again = last_again + 1 if last_step == step else 0
    target = folder / (f"step-{step:08d}" + (f"-{again}" if again else ""))

    files: dict[str, bytes] = {
        _CONFIG: _to_json({"format": FORMAT, "wavegen": __version__, **config}),
        _WEIGHTS: _to_safetensors(weights),
        _CARD: card.encode(),
    }
    if training is not None or training_state is not None:
        files[_TENSORS] = _to_safetensors(training or {})
        files[_STATE] = _to_json(training_state or {})
    listed = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    files[_MANIFEST] = _to_json({"format": FORMAT, "files": listed})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.sweep(folder)
        atomic.write_folder(target, files)
    except OSError as error:
        kept = f"the last good one is {older[-1]}" if older else "there is no earlier one"
        raise CheckpointError(
            f"{target}: cannot save ({error.strerror}); {kept}; free space or change the folder, "
            "then resume"
        ) from error
    spared = best(run)
    for old in checkpoints(run)[:-keep]:
        if old != spared:
            atomic.remove_folder(old)
    return target


def checkpoints(run: Path) -> list[Path]:
    """All checkpoint folders of a run, oldest first."""
    found = (run / "checkpoints").glob("step-*")
    return sorted((path for path in found if _STEP.fullmatch(path.name)), key=_order)


def best(run: Path) -> Path | None:
    """The checkpoint of a run with the fewest bits on validation data, the newest of equals.

    None where there was no validation.
    """
    scores = [(bits, path) for path in checkpoints(run) if (bits := bits_valid(path)) is not None]
    return min(reversed(scores), key=lambda score: score[0], default=(None, None))[1]


def bits_valid(path: Path) -> float | None:
    """Bits a step on validation data, as a checkpoint says of itself."""
    match config_of(path).get("trained"):
        case {"bits_valid": float(bits)}:
            return bits
        case _:
            return None


def read(path: Path) -> Checkpoint:
    """The newest checkpoint of a run, or the one that `path` itself is, after checking each file.

    A bare name may also be that of a model that comes with wavegen.
    Raises `CheckpointError` with the file, what is wrong with it, and what to use instead.
    """
    path = shipped.instead_of(path)
    if (path / _MANIFEST).exists():
        return _verified(path)
    found = _some(path)
    try:
        return _verified(found[-1])
    except CheckpointError as error:
        good = next((p for p in reversed(found[:-1]) if _is_good(p)), None)
        cure = f"use {good} instead" if good else "no earlier checkpoint is whole"
        raise CheckpointError(f"{error}; {cure}") from error


def config_of(path: Path) -> Mapping[str, Any]:
    """What `config.json` of the newest checkpoint says, of which nothing is checked yet."""
    path = shipped.instead_of(path)
    newest = path if (path / _CONFIG).exists() else _some(path)[-1]
    return _json(newest / _CONFIG)


def _some(path: Path) -> list[Path]:
    """All checkpoint folders of a run that has any."""
    if found := checkpoints(path):
        return found
    known = ", ".join(shipped.names())
    raise CheckpointError(
        f"{path}: no checkpoint here; give the folder of a run, or a folder with {_MANIFEST}"
        + (f", or a model that comes with wavegen: {known}" if known else "")
    )


def _order(path: Path) -> tuple[int, int]:
    match = _STEP.fullmatch(path.name)
    assert match
    return int(match[1]), int(match[2] or 0)


def _is_good(path: Path) -> bool:
    try:
        _verified(path)
    except CheckpointError:
        return False
    return True


def _verified(folder: Path) -> Checkpoint:
    """Check the manifest, then each file against it, then read the config."""
    manifest = _json(folder / _MANIFEST)
    if manifest.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder / _MANIFEST}: has format {manifest.get('format')!r}, wavegen {__version__} "
            f"reads {FORMAT}; update wavegen"
        )
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        raise CheckpointError(f"{folder / _MANIFEST}: lists no files; copy the checkpoint again")
    if not (folder / _TRAINING).exists():  # it may be left out where a model is only played
        listed = {n: entry for n, entry in listed.items() if not n.startswith(_TRAINING)}
    # Names come from a closed set, so a manifest cannot point out of its folder.
    if strangers := listed.keys() - _NAMES:
        raise CheckpointError(
            f"{folder / _MANIFEST}: names {sorted(strangers)[0]!r}, which is no part of a "
            "checkpoint; do not trust this folder"
        )
    if missing := {_CONFIG, _WEIGHTS} - listed.keys():
        raise CheckpointError(
            f"{folder / _MANIFEST}: does not list {sorted(missing)[0]}; copy the checkpoint again"
        )
    for name, entry in listed.items():
        _check(folder, name, entry)
    return Checkpoint(folder, _json(folder / _CONFIG), frozenset(listed))


def _check(folder: Path, name: str, entry: Any) -> None:
    """Refuse a file that is not as long as, or not what, the manifest says."""
    path = folder / name
    match entry:
        case {"bytes": int(n_bytes), "sha256": str(sha256)}:
            pass
        case _:
            raise CheckpointError(f"{folder / _MANIFEST}: has no size and sha256 of {name}")
    inside = [path, *(p for p in path.parents if folder in p.parents)]
    if any(p.is_symlink() for p in inside) or not path.is_file():
        raise CheckpointError(f"{path}: is missing or no plain file; copy the checkpoint again")
    if (size := path.stat().st_size) != n_bytes:
        raise CheckpointError(f"{path}: has {size} bytes instead of {n_bytes}; it was cut")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    if found != sha256:
        raise CheckpointError(f"{path}: is damaged, its sha256 is not the one in {_MANIFEST}")


def _json(path: Path) -> dict[str, Any]:
    loaded = _parsed(path, lambda content: json.loads(content), limit=_MAX_JSON_BYTES)
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path}: holds a {type(loaded).__name__} instead of named values")
    return loaded


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load

    return _parsed(path, load)


def _parsed(path: Path, parse: Callable[[bytes], Any], limit: int | None = None) -> Any:
    """`parse` of a file's bytes, with every way in which that can fail told in one line."""
    from safetensors import SafetensorError

    try:
        if limit is not None and path.stat().st_size > limit:
            raise CheckpointError(f"{path}: is larger than {limit} bytes; do not trust it")
        return parse(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except (SafetensorError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path}: is damaged ({reason}); copy it again") from error


def _to_json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


def _to_safetensors(tensors: Mapping[str, Tensor]) -> bytes:
    import torch
    from safetensors.torch import save

    # A copy of each: tied weights share memory, which the format refuses.
    copies = {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    return save(copies)

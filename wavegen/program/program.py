"""A step program in memory and as a file (FORMAT.md); numpy only.

What stands here is trusted: files that nobody vouches for are judged by the native core, which
opens them by itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import atomic
from ..errors import ProgramError

FORMAT = "wavegen program 1"
SUFFIX = ".program"

Precision = Literal["float32", "bfloat16", "int8"]
Header = Mapping[str, Any]
Array = npt.NDArray[Any]

_TYPES: dict[str, type[np.generic]] = {
    "F32": np.float32,
    "BF16": np.uint16,
    "I8": np.int8,
    "U8": np.uint8,
}
_ALIGNMENT = 64  # of the data in the file: a cache line
_PRECISIONS: dict[np.dtype[Any], Precision] = {
    np.dtype(np.float32): "float32",
    np.dtype(np.uint16): "bfloat16",
    np.dtype(np.int8): "int8",
}


@dataclass(frozen=True)
class Program:
    """One step of one model, its draw included."""

    header: Header
    """The JSON object of FORMAT.md."""
    tensors: Mapping[str, Array]
    """`const`, `weight/NAME`, `scale/NAME`, `voice/I`. bfloat16, which numpy lacks, is uint16."""

    @property
    def weights(self) -> dict[str, Array]:
        """Matrices `(N, K)` by the name that operations use."""
        return {
            name.removeprefix("weight/"): tensor
            for name, tensor in self.tensors.items()
            if name.startswith("weight/")
        }

    @property
    def precision(self) -> Precision:
        """The smallest type among its matrices; float32 where there are none."""
        matrices = self.weights.values()
        smallest = min((m.dtype for m in matrices), key=lambda t: t.itemsize, default=None)
        return "float32" if smallest is None else _PRECISIONS[smallest]

    @property
    def n_macs(self) -> int:
        """Multiplications with weights in one step."""
        weights = self.weights
        return sum(weights[op["weight"]].size for op in self.header["ops"] if op["op"] == "product")

    def with_voice(self, label: str | None, event: Array, state: Array) -> Program:
        """The same with one more voice that is ready to play.

        `event` `(size)` is the last one before the sequence begins, `state` `(state_bytes)` uint8
        what the model remembers of all before it.
        """
        voices = list(self.header["voices"])
        tensor = f"voice/{len(voices)}"
        # JSON has no NaN, which is a missing value.
        last = [None if value != value else value for value in event.reshape(-1).tolist()]
        voices.append({"label": label, "event": last, "tensor": tensor})
        return replace(
            self,
            header={**self.header, "voices": voices},
            tensors={**self.tensors, tensor: state},
        )

    def with_about(self, about: Mapping[str, Any]) -> Program:
        """The same with these plain values for people and players."""
        return replace(self, header={**self.header, "about": dict(about)})

    def to_bytes(self) -> bytes:
        """The file."""
        # Wide types first, so that every tensor begins at a multiple of its own type.
        names = sorted(self.tensors, key=lambda name: -self.tensors[name].itemsize)
        arrays = [np.ascontiguousarray(self.tensors[name]) for name in names]
        table: dict[str, Any] = {
            "__metadata__": {
                "format": FORMAT,
                "program": json.dumps(self.header, separators=(",", ":"), allow_nan=False),
            }
        }
        begin = 0
        for name, array in zip(names, arrays, strict=True):
            table[name] = {
                "dtype": _name_of(array.dtype),
                "shape": list(array.shape),
                "data_offsets": [begin, begin + array.nbytes],
            }
            begin += array.nbytes
        text = json.dumps(table, separators=(",", ":")).encode()
        text += b" " * (-(8 + len(text)) % _ALIGNMENT)
        return b"".join(
            [len(text).to_bytes(8, "little"), text, *(array.tobytes() for array in arrays)]
        )

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        try:
            atomic.write_file(path, self.to_bytes())
        except OSError as error:
            raise ProgramError(
                f"{path}: cannot be written ({error.strerror}); choose another place"
            ) from error

    @classmethod
    def from_bytes(cls, content: bytes, source: str) -> Program:
        """Read a file's content; `source` names it in messages."""
        try:
            n_header = int.from_bytes(content[:8], "little")
            table = json.loads(content[8 : 8 + n_header])
            metadata = table.pop("__metadata__")
            if metadata["format"] != FORMAT:
                raise ProgramError(f"{source}: is a {metadata['format']!r:.80}, not a {FORMAT!r}")
            data = memoryview(content)[8 + n_header :]
            tensors = {name: _tensor(entry, data) for name, entry in table.items()}
            return cls(json.loads(metadata["program"]), tensors)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ProgramError(f"{source}: is no program file ({error!r:.120})") from error

    @classmethod
    def read(cls, path: Path) -> Program:
        """Read a file."""
        try:
            return cls.from_bytes(path.read_bytes(), str(path))
        except OSError as error:
            raise ProgramError(f"{path}: cannot be read ({error.strerror})") from error


def _name_of(dtype: np.dtype[Any]) -> str:
    return next(name for name, kind in _TYPES.items() if dtype == kind)


def _tensor(entry: Mapping[str, Any], data: memoryview) -> Array:
    """The array of one entry of the table."""
    begin, end = entry["data_offsets"]
    kind, shape = np.dtype(_TYPES[entry["dtype"]]), tuple(map(int, entry["shape"]))
    if not 0 <= begin <= end <= len(data) or end - begin != math.prod(shape) * kind.itemsize:
        raise ValueError(f"data_offsets {begin}, {end} do not fit {entry['dtype']} {shape}")
    return np.frombuffer(data[begin:end], kind).reshape(shape)

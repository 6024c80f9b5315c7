"""Lowering: a model's step to a program.

export -> capture -> turns -> fuse -> place -> the header and tensors of FORMAT.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from ..heads import Filter, Head
from ..model import SequenceModel
from .capture import capture
from .export import LoweringError, export_step, fresh_state, step_cond_channels
from .fusion import fuse
from .graph import WRITTEN, Graph, Op, Value, View, coalesced
from .placement import ALIGNMENT, BYTES, Layout, place
from .program import Program
from .turns import take_turns

_RANKS = {
    "delay_read": {"rings": 2, "clock": 0, "out": 2},
    "delay_write": {"rings": 2, "clock": 0, "source": 2},
    "temper": {"logits": 1, "temperature": 0, "out": 1},
    "draw_class": {"weights": 1, "u": 0, "out": 0},
    "sample": {
        "logits": 1,
        **dict.fromkeys(("temperature", "top_k", "top_p", "min_p", "typical_p", "u", "out"), 0),
    },
}
"""Dimensions that these operands have without the batch; the others keep theirs."""
_ELEMENTWISE = ("unary", "binary", "where", "convert", "copy")


def lower(
    model: SequenceModel[Any],
    head: Head | None = None,
    filters: Sequence[Filter] = (),
    *,
    about: Mapping[str, Any] | None = None,
) -> Program:
    """The program of one step, in float32, with no voices in it yet.

    With no head it ends at the parameters, and events must be given. Raises `LoweringError` with
    the operation that stands in the way.
    """
    spec = model.spec
    try:
        graph = capture(export_step(model, head, filters), fresh_state(model))
    except LoweringError as error:
        raise LoweringError(f"{type(model).__name__}.step {error}") from error
    take_turns(graph)
    fuse(graph)
    layout = place(graph)
    writer = _Writer(layout)
    header = {
        "state_bytes": layout.state_bytes,
        "scratch_bytes": layout.scratch_bytes,
        "event": {
            "type": "f32" if spec.n_classes is None else "i64",
            "size": spec.n_events,
            "classes": spec.n_classes,
        },
        "n_params": spec.n_params,
        "n_uniforms": 0 if head is None else head.n_uniforms,
        "cond_channels": step_cond_channels(model),
        "state": [
            {
                "name": name,
                "type": leaf.type,
                "shape": list(leaf.shape[1:]),
                "offset": layout.offsets[leaf],
            }
            for name, leaf in graph.state.items()
        ],
        "inputs": _inputs(graph, writer),
        "ops": writer.ops(layout.ops),
        "outputs": {
            "params": writer.view(_flat(graph.params)),
            "event": None if graph.event is None else writer.view(_flat(graph.event)),
        },
        "voices": [],
        "about": dict(about or {}),
    }
    return Program(header, {"const": writer.constants(), **writer.weights})


class _Writer:
    """Turns views into lists, and collects constants and weights."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._constants = bytearray()
        self._known: dict[bytes, int] = {}
        self._names: dict[bytes, str] = {}
        self.weights: dict[str, npt.NDArray[Any]] = {}

    def view(self, view: View) -> list[Any]:
        """`[space, type, offset, shape, strides]`."""
        found = self._layout.resolved(view)
        base = found.base
        start = self._constant(base) if base.data is not None else self._layout.offsets[base]
        space = "scratch" if base.space == "input" else base.space
        offset = start + found.offset * BYTES[base.type]
        return [space, base.type, offset, list(found.shape), list(found.strides)]

    def ops(self, ops: Sequence[Op], depth: int = 0) -> list[dict[str, Any]]:
        """The list of operations; `depth` says inside of how many turns of theirs it stands."""
        entries = list[dict[str, Any]]()
        for turns, run in groupby(ops, key=lambda op: op.turns[depth : depth + 1]):
            if not turns:
                entries += [self.op(op) for op in run]
                continue
            inner = self.ops(list(run), depth + 1)
            skip = {"op": "unless", "cond": self.view(turns[0]), "skip": len(inner)}
            entries += [skip, *inner]
        return entries

    def op(self, op: Op) -> dict[str, Any]:
        """One entry of the list of operations."""
        name = "copy" if op.name == "overwrite" else op.name
        operands = {**op.reads, WRITTEN.get(op.name, "out"): op.writes}
        if name in _ELEMENTWISE:
            operands = _together(operands)
        ranks = _RANKS.get(name, {})
        views = {
            key: self.view(_ranked(view, ranks[key]) if key in ranks else view)
            for key, view in operands.items()
        }
        if name != "product":
            return {"op": name, **op.fields, **views}
        assert op.matrix is not None
        views["x"] = self.view(op.reads["x"].vector())
        return {
            "op": name,
            "weight": self._weight(op.matrix),
            **views,
            "add": [self.view(term) for term in op.add],
            "act": op.fields["act"],
            "after": views.get("after"),
        }

    def constants(self) -> npt.NDArray[np.uint8]:
        """The space `const`."""
        return np.frombuffer(bytes(self._constants), np.uint8)

    def _constant(self, value: Value) -> int:
        assert value.data is not None
        content = value.data.tobytes()
        key = value.type.encode() + content
        if key not in self._known:
            self._constants.extend(bytes(-len(self._constants) % ALIGNMENT))
            self._known[key] = len(self._constants)
            self._constants.extend(content)
        return self._known[key]

    def _weight(self, matrix: npt.NDArray[np.float32]) -> str:
        """The name of a matrix; one that is used twice is stored once."""
        key = hashlib.sha256(repr(matrix.shape).encode() + matrix.tobytes()).digest()
        if key not in self._names:
            self._names[key] = f"w{len(self._names)}"
            self.weights[f"weight/{self._names[key]}"] = matrix
        return self._names[key]


def _inputs(graph: Graph, writer: _Writer) -> dict[str, Any]:
    views: dict[str, Any] = dict.fromkeys(
        ("event", "cond", "noise", "temperature", "top_k", "top_p", "min_p", "typical_p")
    )
    for name, value in graph.inputs.items():
        is_vector = name in ("event", "cond", "noise")
        view = _flat(View.of(value)) if is_vector else _ranked(View.of(value), 0)
        views[name] = writer.view(view)
    return views


def _flat(view: View) -> View:
    """As a vector, if it can be one; else as it is."""
    joined = coalesced(view.shape, view.strides)
    if len(joined) > 1:
        return view
    size, stride = joined[0] if joined else (1, 1)
    return View(view.base, view.offset, (size,), (stride,))


def _ranked(view: View, rank: int) -> View:
    """Without leading dimensions of 1."""
    shape, strides = view.shape, view.strides
    while len(shape) > rank and shape[0] == 1:
        shape, strides = shape[1:], strides[1:]
    return View(view.base, view.offset, shape, strides)


def _together(operands: dict[str, View]) -> dict[str, View]:
    """Views of one shape with as few dimensions as all of them allow."""
    shape = next(iter(operands.values())).shape
    joined: list[tuple[int, dict[str, int]]] = []
    for d, size in enumerate(shape):
        if size == 1:
            continue
        strides = {name: view.strides[d] for name, view in operands.items()}
        if joined and all(joined[-1][1][name] == size * s for name, s in strides.items()):
            joined[-1] = (joined[-1][0] * size, strides)
        else:
            joined.append((size, strides))
    return {
        name: View(
            view.base,
            view.offset,
            tuple(size for size, _ in joined),
            tuple(strides[name] for _, strides in joined),
        )
        for name, view in operands.items()
    }

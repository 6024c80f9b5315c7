"""Capture: an exported step becomes a graph of the core's operations, one ATen node at a time.

What depends on parameters alone is computed here and now. Views stay views. What is left goes to
the translators in `aten/`, each of which appends the operations that mean the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx.node import map_arg

from .. import state as trees
from .export import LoweringError
from .graph import Graph, Op, Type, Value, View

Operand = View | Tensor | bool | int | float
"""What a translator gets: something of the step, a constant tensor, or a number."""

_TYPES: dict[torch.dtype, Type] = {
    torch.float32: "f32",
    torch.int64: "i64",
    torch.int32: "i64",
    torch.bool: "i64",
}
CONTROLS = ("temperature", "top_k", "top_p", "min_p", "typical_p")


class Builder:
    """Where translators append to, and how they make views and values."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.node: fx.Node
        """The node that is being translated."""

    @property
    def out(self) -> Tensor:
        """Shape and type of the node's result, without values."""
        return self.node.meta["val"]

    def argument(self, index: int) -> Tensor:
        """Shape and type of the node's argument."""
        node = self.node.args[index]
        assert isinstance(node, fx.Node)
        return node.meta["val"]

    def new(self, shape: Sequence[int], dtype: torch.dtype) -> View:
        """A value that is yet to be written."""
        return View.of(Value(tuple(shape), type_of(dtype)))

    def result(self) -> View:
        """A value for the node's result."""
        return self.new(self.out.shape, self.out.dtype)

    def emit(self, name: str, out: View, **operands: Any) -> View:
        """Append an operation; views among the operands are read, the others are its fields."""
        reads = {key: value for key, value in operands.items() if isinstance(value, View)}
        fields = {key: value for key, value in operands.items() if not isinstance(value, View)}
        self.ops.append(Op(name, out, reads, fields=fields))
        return out

    def view(self, operand: Operand, dtype: torch.dtype | None = None) -> View:
        """An operand as a view, converted to the type of `dtype` if one is asked for."""
        if isinstance(operand, View):
            wanted = operand.type if dtype is None else type_of(dtype)
            if wanted == operand.type:
                return operand
            out = View.of(Value(operand.shape, wanted))
            return self.emit("convert", out, x=operand)
        tensor = operand if isinstance(operand, Tensor) else torch.tensor(operand)
        if dtype is not None:
            tensor = tensor.to(dtype)
        return constant(tensor)

    def expanded(self, operand: Operand, shape: Sequence[int], dtype: torch.dtype) -> View:
        """An operand broadcast to `shape`."""
        return self.reshaped(self.view(operand, dtype), lambda x: x.expand(tuple(shape)))

    def reshaped(self, view: View, change: Callable[[Tensor], Tensor]) -> View:
        """`change`, which must give a view of a tensor, done to the geometry of a view."""
        try:
            return _changed(view, change)
        except RuntimeError:  # these strides allow no such view
            return _changed(self.dense(view), change)

    def dense(self, view: View) -> View:
        """The same elements one after the other."""
        if view.is_dense:
            return view
        return self.copy(view)

    def copy(self, view: View) -> View:
        """The same elements in a value of their own."""
        out = View.of(Value(view.shape, view.type))
        return self.emit("copy", out, x=view)

    def refuse(self, why: str) -> LoweringError:
        """What to raise where the node has no translation."""
        return LoweringError(f"uses {self.node.target}, which {why}{_place(self.node)}")


Translator = Callable[..., Any]
TRANSLATORS: dict[str, Translator] = {}
"""By the operation's full name, such as `aten.add.Tensor`."""


def translates(*names: str) -> Callable[[Translator], Translator]:
    """Enter a translator `(builder, *args, **kwargs) -> View or views`."""

    def enter(translator: Translator) -> Translator:
        TRANSLATORS.update(dict.fromkeys(names, translator))
        return translator

    return enter


def capture(exported: ExportedProgram, state: Any) -> Graph:
    """The graph of a step that was exported with a batch of 1; `state` is such a state.

    Raises `LoweringError` with the operation that has no translation.
    """
    from . import aten  # enters its translators

    assert aten
    builder, env = Builder(), dict[fx.Node, Any]()
    inputs, leaves = _placeholders(exported, state, env)
    results = list[Any]()
    for node in exported.graph_module.graph.nodes:
        if node.op == "call_function":
            builder.node = node
            env[node] = _translated(builder, node, env)
        elif node.op == "output":
            results = [_resolved(value, env) for value in _returned(exported, node)]
        elif node.op != "placeholder":
            raise LoweringError(f"is exported with a node {node.op!r}{_place(node)}")
    params, event, *after = results
    return Graph(
        builder.ops,
        inputs,
        leaves,
        dict(zip(leaves, (builder.view(leaf) for leaf in after), strict=True)),
        builder.dense(builder.view(params, torch.float32)),
        None if event is None else builder.dense(builder.view(event)),
    )


def constant(tensor: Tensor) -> View:
    """A tensor as a constant; what is repeated is stored once."""
    strides = [s if n > 1 else 0 for n, s in zip(tensor.shape, tensor.stride(), strict=True)]
    compact = tensor[tuple(slice(None) if s else slice(0, 1) for s in strides)]
    kind = type_of(tensor.dtype)
    array = compact.detach().cpu().numpy().astype(np.float32 if kind == "f32" else np.int64)
    value = Value(tuple(compact.shape), kind, "const", data=np.ascontiguousarray(array))
    return _changed(View.of(value), lambda x: x.expand(tensor.shape))


def type_of(dtype: torch.dtype) -> Type:
    """The core's type. Raises `LoweringError` where it has none."""
    if dtype not in _TYPES:
        raise LoweringError(
            f"computes in {str(dtype).removeprefix('torch.')}; programs know float32 and int64"
        )
    return _TYPES[dtype]


def _placeholders(
    exported: ExportedProgram, state: Any, env: dict[fx.Node, Any]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Parameters and buffers as tensors; what is given anew each step, and the state, as values."""
    names = [
        "event",
        *(f"state/{name}" for name in trees.leaves(state)),
        "cond",
        "noise",
        *CONTROLS,
    ]
    inputs, leaves = dict[str, Value](), dict[str, Value]()
    nodes = {node.name: node for node in exported.graph_module.graph.nodes}
    given = iter(names)
    stored = {**dict(exported.state_dict), **dict(exported.constants)}
    for spec in exported.graph_signature.input_specs:
        node = nodes[spec.arg.name]
        if spec.kind != InputKind.USER_INPUT:
            env[node] = stored[spec.target or ""].detach()
            continue
        name, example = next(given), node.meta.get("val")
        if not isinstance(example, Tensor):  # a condition that this model does not have
            env[node] = None
            continue
        is_leaf = name.startswith("state/")
        short = name.removeprefix("state/")
        if is_leaf and example.dtype not in (torch.float32, torch.int64):
            raise LoweringError(f"keeps {short!r} in {example.dtype}; use float32 or int64")
        if example.shape[:1] != (1,):
            raise LoweringError(f"takes {short!r} of shape {tuple(example.shape)}, not batch first")
        kind = type_of(example.dtype)
        value = Value(tuple(example.shape), kind, "state" if is_leaf else "input", short)
        (leaves if is_leaf else inputs)[short] = value
        env[node] = View.of(value)
    return inputs, leaves


def _returned(exported: ExportedProgram, output: fx.Node) -> list[Any]:
    """What the step returns; what it wrote into its state in place is among that."""
    returned = list[Any]()
    values = output.args[0]
    assert isinstance(values, tuple | list)
    for spec, value in zip(exported.graph_signature.output_specs, values, strict=True):
        if spec.kind == OutputKind.USER_OUTPUT:
            returned.append(value)
        elif spec.kind != OutputKind.USER_INPUT_MUTATION:
            raise LoweringError(
                f"changes {spec.target!r}, which is no part of its state; keep it there"
            )
    return returned


def _translated(builder: Builder, node: fx.Node, env: dict[fx.Node, Any]) -> Any:
    args, kwargs = _resolved(node.args, env), _resolved(node.kwargs, env)
    if node.target is operator.getitem:
        return args[0][args[1]]
    assert callable(node.target)
    if not any(isinstance(x, View) for x in _flat([args, kwargs])):
        return node.target(*args, **kwargs)
    name = str(node.target)
    if name not in TRANSLATORS:
        raise builder.refuse("is not known to the native core")
    return TRANSLATORS[name](builder, *args, **kwargs)


def _resolved(value: Any, env: dict[fx.Node, Any]) -> Any:
    return map_arg(value, env.__getitem__)


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [x for part in value for x in _flat(part)]
    return [value]


def _changed(view: View, change: Callable[[Tensor], Tensor]) -> View:
    """A view's geometry after a tensor operation that gives a view."""
    before = torch.empty(view.base.size, device="meta").as_strided(
        view.shape, view.strides, view.offset
    )
    after = change(before)
    if after.untyped_storage()._cdata != before.untyped_storage()._cdata:
        raise RuntimeError("not a view")
    return View(view.base, int(after.storage_offset()), tuple(after.shape), after.stride())


def _place(node: fx.Node) -> str:
    """The line of a module's `forward` that a node comes from; PyTorch keeps no others."""
    trace = (node.meta.get("stack_trace") or "").splitlines()
    lines = [line.strip() for line in trace if line.strip().startswith("File ")]
    # The first is of the module around the step, which nobody else wrote.
    return f" ({lines[-1]})" if len(lines) > 1 else ""
